"""Sequence-to-sequence models: the Transformer (3.1) and its rivals (1, 2).

To be read in this order: `numpy_transformer`, the whole of it on one page; `seq2seq`, what every
model here can do; `encoder`, `decoder` and `transformer` (3.1); then `base`, `rnn` and `convs2s`.
`torch_weights` goes to `torch.nn.Transformer` and back; `fast` is for speed.
"""

from transformer_lib.config import AnyModelConfig, ConvS2SConfig, ModelConfig, RNNConfig
from transformer_lib.models.base import Seq2SeqModel
from transformer_lib.models.convs2s import ConvSeq2Seq
from transformer_lib.models.decoder import Decoder, DecoderLayer
from transformer_lib.models.encoder import Encoder, EncoderLayer
from transformer_lib.models.numpy_transformer import numpy_transformer
from transformer_lib.models.rnn import RecurrentSeq2Seq
from transformer_lib.models.seq2seq import Seq2Seq, Seq2SeqOutput, State
from transformer_lib.models.torch_weights import from_torch, to_torch
from transformer_lib.models.transformer import Transformer

__all__ = [
    "ConvSeq2Seq",
    "Decoder",
    "DecoderLayer",
    "Encoder",
    "EncoderLayer",
    "RecurrentSeq2Seq",
    "Seq2Seq",
    "Seq2SeqModel",
    "Seq2SeqOutput",
    "State",
    "Transformer",
    "build_model",
    "from_torch",
    "numpy_transformer",
    "to_torch",
]

BUILDERS = {ModelConfig: Transformer, RNNConfig: RecurrentSeq2Seq, ConvS2SConfig: ConvSeq2Seq}


def build_model(config: AnyModelConfig) -> Seq2SeqModel:
    """Build the `Seq2Seq` model that a configuration describes, with fresh random weights."""
    return BUILDERS[type(config)](config)
