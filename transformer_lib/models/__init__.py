"""Sequence-to-sequence models: the Transformer (3.1) and its rivals (1, 2)."""

from torch import nn

from transformer_lib.config import AnyModelConfig, ConvS2SConfig, ModelConfig, RNNConfig
from transformer_lib.models.convs2s import ConvSeq2Seq
from transformer_lib.models.rnn import RecurrentSeq2Seq
from transformer_lib.models.transformer import Transformer

BUILDERS = {ModelConfig: Transformer, RNNConfig: RecurrentSeq2Seq, ConvS2SConfig: ConvSeq2Seq}


def build_model(config: AnyModelConfig) -> nn.Module:
    """Build the `Seq2Seq` model that a configuration describes, with fresh random weights.

    Raises:
        ValueError: the configuration does not fit together.
    """
    return BUILDERS[type(config)](config)
