"""What an idea costs: seconds, operations, products in sequence, memory.

To be read in this order: `timing` (seconds, and the machine's rate), `counting` (operations and the
longest chain of products, as they run), `memory` (what tensors take), `process` (what the whole
process takes), `training` (what a training costs, by formula).
"""

from transformer_lib.workbench.cost.counting import Products, count_products, operations
from transformer_lib.workbench.cost.memory import bytes_kept, peak_bytes
from transformer_lib.workbench.cost.process import peak_mib, resident_mib
from transformer_lib.workbench.cost.timing import Seconds, matrix_rate, seconds
from transformer_lib.workbench.cost.training import training_bytes, training_flops

__all__ = [
    "Products",
    "Seconds",
    "bytes_kept",
    "count_products",
    "matrix_rate",
    "operations",
    "peak_bytes",
    "peak_mib",
    "resident_mib",
    "seconds",
    "training_bytes",
    "training_flops",
]
