import torch

from transformer_lib.config import BOS, PAD
from transformer_lib.decoding.hypothesis import next_log_probs


def test_what_is_never_generated_has_no_probability_and_the_rest_keep_theirs():
    logits = torch.randn(3, 9, dtype=torch.float64)
    found = next_log_probs(logits).exp()
    assert found[:, [PAD, BOS]].eq(0).all()
    others = [token for token in range(9) if token not in (PAD, BOS)]
    exact = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    torch.testing.assert_close(found[:, others], exact[:, others])
