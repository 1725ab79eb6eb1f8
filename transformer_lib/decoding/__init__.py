"""From a model to sentences (section 6.1).

To be read in this order: `hypothesis`, what a search returns; `greedy`; `beam`; `attention`, where
the decoder looked. `fast` is for speed.
"""

from transformer_lib.decoding.attention import cross_attention
from transformer_lib.decoding.beam import beam_search
from transformer_lib.decoding.greedy import greedy
from transformer_lib.decoding.hypothesis import Hypothesis, length_divisor

__all__ = ["Hypothesis", "beam_search", "cross_attention", "greedy", "length_divisor"]
