"""Who may look at whom (section 3.2.3).

True means "may attend", as in `torch.nn.functional.scaled_dot_product_attention`; in
`torch.nn.MultiheadAttention` it is the opposite. A mask has four axes, batch, head, query and key,
each of full size or 1.
"""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from transformer_lib.config import PAD

AttentionMask = Bool[Tensor, "#B #H #T S"]  # True = may attend


def padding_mask(tokens: Int[Tensor, "B S"]) -> Bool[Tensor, "B 1 1 S"]:
    """Let every query see the real tokens and none of the padding."""
    return tokens.ne(PAD)[:, None, None, :]


def causal_mask(
    length: int, device: torch.device | str | None = None
) -> Bool[Tensor, "1 1 {length} {length}"]:
    """Let position t see positions 0..t and nothing later."""
    return torch.ones(1, 1, length, length, dtype=torch.bool, device=device).tril()


def window_mask(
    length: int, window: int, causal: bool = False, device: torch.device | str | None = None
) -> Bool[Tensor, "1 1 {length} {length}"]:
    """Let each position see the `window` positions centred on it (section 4), or their past half.

    Raises:
        ValueError: `window` is even or below 1, so it has no centre.
    """
    check_window(window)
    position = torch.arange(length, device=device)
    distance = position[:, None] - position[None, :]
    return ((distance.abs() <= window // 2) & ((distance >= 0) | (not causal)))[None, None]


def check_window(window: int) -> None:
    """Refuse a window without a centre.

    Raises:
        ValueError: `window` is even or below 1.
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window is {window}; it must be odd, so that it has a centre, e.g. 5")


def check_mask_shape(mask: Tensor, scores_shape: tuple[int, int, int, int]) -> None:
    """Refuse a mask that does not fit scores [batch, heads, queries, keys]; no value is read.

    Raises:
        ValueError: it is not boolean, has not four axes, or an axis is neither full nor 1.
    """
    if mask.dtype != torch.bool:
        raise ValueError(f"the mask is {mask.dtype}; it must be torch.bool, True = may attend")
    if mask.ndim != 4:
        raise ValueError(
            f"the mask has {mask.ndim} axes, shape {list(mask.shape)}; "
            f"it needs 4: [batch, heads, queries, keys], here {list(scores_shape)} or 1s"
        )
    fits = all(m in (1, s) for m, s in zip(mask.shape, scores_shape, strict=True))
    if not fits or mask.size(-1) != scores_shape[-1]:
        raise ValueError(
            f"the mask has shape {list(mask.shape)}, which does not fit "
            f"[batch, heads, queries, keys] = {list(scores_shape)}; an axis must be equal or 1 "
            "(the last one equal)"
        )


def check_mask_rows(mask: Bool[Tensor, "B H T S"]) -> None:
    """Refuse a mask in which some query may attend to nothing: it would get zeros.

    Layers never call it, as it reads values; call it once, where a mask of your own is made.

    Raises:
        ValueError: names the first such row.
    """
    empty = ~mask.any(dim=-1)
    if empty.any():
        batch, head, row = empty.nonzero()[0].tolist()
        raise ValueError(
            f"mask row {row} (batch {batch}, head {head}) may attend to nothing; "
            "let it see at least one key"
        )
