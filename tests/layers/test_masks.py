"""Masks: True may attend; what does not fit is refused in one line."""

import pytest
import torch

from transformer_lib.layers.masks import (
    causal_mask,
    check_mask_rows,
    check_mask_shape,
    padding_mask,
    window_mask,
)


def test_padding_mask_hides_padding_from_every_query():
    tokens = torch.tensor([[5, 6, 7], [5, 0, 0]])
    assert padding_mask(tokens).tolist() == [[[[True, True, True]]], [[[True, False, False]]]]


def test_causal_mask_sees_itself_and_the_past():
    mask = causal_mask(4)[0, 0]
    assert all(mask[t, s].item() == (s <= t) for t in range(4) for s in range(4))


@pytest.mark.parametrize("causal", [False, True])
def test_window_mask_is_centred_on_the_query(causal):
    mask = window_mask(6, 5, causal)[0, 0]
    for t in range(6):
        for s in range(6):
            assert mask[t, s].item() == (t - 2 <= s <= (t if causal else t + 2))


@pytest.mark.parametrize("window", [0, 2, -3])
def test_a_window_without_a_centre_is_refused(window):
    with pytest.raises(ValueError, match=f"window is {window}; it must be odd"):
        window_mask(4, window)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.zeros(2, 3, 4, 5), "mask is torch.float32; it must be torch.bool"),
        (torch.ones(4, 5, dtype=torch.bool), r"mask has 2 axes, shape \[4, 5\]; it needs 4"),
        (torch.ones(3, 1, 4, 5, dtype=torch.bool), r"shape \[3, 1, 4, 5\], which does not fit"),
        (torch.ones(2, 3, 4, 6, dtype=torch.bool), r"= \[2, 3, 4, 5\]"),
        (torch.ones(2, 3, 4, 1, dtype=torch.bool), "does not fit"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(mask, message):
    with pytest.raises(ValueError, match=message) as error:
        check_mask_shape(mask, (2, 3, 4, 5))
    assert "\n" not in str(error.value)


def test_a_row_that_may_attend_to_nothing_is_named():
    mask = torch.ones(2, 1, 3, 3, dtype=torch.bool)
    check_mask_rows(mask)
    mask[1, 0, 2] = False
    with pytest.raises(ValueError, match=r"mask row 2 \(batch 1, head 0\) may attend to nothing"):
        check_mask_rows(mask)
