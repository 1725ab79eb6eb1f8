"""What layers do for speed alone. Each part computes what its plain form does, and tests hold it.

Here                       Plain form                    What it gains
linear.Linear              torch.nn.Linear               few kinds of products (CPU, bfloat16)
dropout.drop               layers.dropout.drop           a quarter of the random numbers (CPU)
dropout.add_dropped        x + drop(output)              one pass over the memory, not three (CPU)
attention.fused_attention  scaled_dot_product_attention  the weights are never stored

A reader of the book can go past it.
"""

from transformer_lib.layers.fast.attention import fused_attention
from transformer_lib.layers.fast.dropout import add_dropped, drop
from transformer_lib.layers.fast.linear import Linear

__all__ = ["Linear", "add_dropped", "drop", "fused_attention"]
