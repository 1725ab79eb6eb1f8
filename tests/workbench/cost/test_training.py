"""What the formulas say a training costs is what torch counts and what autograd keeps."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import growth
from transformer_lib.config import EOS, ModelConfig
from transformer_lib.data.pairs import EncodedPairs
from transformer_lib.models.transformer import Transformer
from transformer_lib.training.fast.loss import rows_at_once
from transformer_lib.workbench.cost import training_bytes, training_flops


def test_operations_are_those_that_torch_counts():
    model = ModelConfig(
        vocab_size=50, d_model=16, n_heads=2, n_encoder_layers=2, n_decoder_layers=3, d_ff=24
    )
    source = np.random.default_rng(0)
    lengths = [(3, 5), (7, 2), (6, 6)]
    rows = [
        (source.integers(3, 50, n_src).tolist(), [*source.integers(3, 50, n_tgt - 1).tolist(), EOS])
        for n_src, n_tgt in lengths
    ]
    transformer = Transformer(model)
    with FlopCounterMode(display=False) as counter:
        for src, tgt in rows:
            transformer(torch.tensor([src]), torch.tensor([tgt]), returns="all")
    forward = counter.get_total_flops() / sum(t for _, t in lengths)
    assert training_flops(model, EncodedPairs(rows)) == pytest.approx(3 * forward)
    assert training_flops(model, EncodedPairs(rows), 2) == pytest.approx(6 * forward)


@pytest.mark.parametrize(
    ("axis", "value"), [("length", 8), ("width", 64), ("layers", 2), ("vocabulary", 64_000)]
)
def test_counted_memory_is_what_the_backward_pass_keeps(axis, value):
    """Beside it: parameters, their gradients and Adam's two moments; and the loss's two blocks."""
    config, _, length = growth.at(axis, value)
    pairs = growth.random_pairs(config.vocab_size, length, 2048)
    src = torch.tensor(np.stack([pairs.src(row) for row in range(len(pairs))]))
    tgt = torch.tensor(np.stack([pairs.tgt(row) for row in range(len(pairs))]))
    model = Transformer(config).train()
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept = {}  # held, so that no address comes twice

    def keep(tensor):
        storage = tensor.untyped_storage()
        if tensor.dtype == torch.float32 and storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        hidden = model(src, tgt, returns="hidden")
    n_parameters = sum(p.numel() for p in model.parameters())
    counted = training_bytes(config, src.numel(), tgt.numel())
    n_rows = rows_at_once(torch.empty(tgt.numel(), config.d_model), model.output.weight)
    counted -= 16 * n_parameters + 4 * 2 * n_rows * config.vocab_size
    n_bytes = sum(storage.nbytes() for storage in kept.values()) + 4 * hidden.numel()
    assert n_bytes == pytest.approx(counted, rel=0.04)  # packed weights are kept too
