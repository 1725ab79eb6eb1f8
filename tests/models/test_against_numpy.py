"""The Transformer against the page of NumPy, which is written from the paper's equations alone."""

import pytest
import torch

from transformer_lib.config import ModelConfig
from transformer_lib.models.numpy_transformer import numpy_transformer
from transformer_lib.models.transformer import Transformer


@pytest.mark.parametrize("order", ["post", "pre"])
@pytest.mark.parametrize("widths", [{}, {"d_k": 3, "d_v": 5}])
@pytest.mark.parametrize("tied", [True, False])
def test_forward_pass_equals_numpys(order, widths, tied):
    config = ModelConfig(
        vocab_size=17, d_model=8, n_heads=4, n_encoder_layers=2, n_decoder_layers=2, d_ff=6,
        norm_order=order, tie_embeddings=tied, **widths,
    )  # fmt: skip
    model = Transformer(config).double().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("gain", "bias")):
                parameter.uniform_(-1, 1)
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    src, tgt = [5, 9, 16, 3, 2], [1, 4, 4, 11]
    expected = numpy_transformer(weights, src, tgt, n_layers=2, n_heads=4, order=order)
    # In a batch, behind padding, our model still gives each sentence what NumPy gives it alone.
    batch = torch.tensor([[*src, 0, 0], [7, 7, 7, 7, 7, 7, 2]]), torch.tensor([tgt, [1, 8, 8, 8]])
    got = model(*batch)[0].detach()
    torch.testing.assert_close(got, torch.from_numpy(expected), atol=1e-10, rtol=0)
