"""Several hypotheses of a sentence look at their source together, in a beam search.

The plain form gives each hypothesis a copy of its source's keys and values. Here these are kept
once for a sentence, and its hypotheses attend as the queries of one sentence do: one larger product
for several small ones, and nothing to copy when the beam moves.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class SharedRows(NamedTuple):
    """Which hypotheses share a source, so that they can look at it together, as its queries do."""

    slots: Int[Tensor, "B P"]  # the rows of each sentence; where it has fewer, row 0
    slot: Int[Tensor, " R"]  # where each row stands in `slots`, counted on through its lines

    @classmethod
    def of(cls, sentence: Int[Tensor, " R"], n_sentences: int) -> "SharedRows":
        """Number the rows of each sentence."""
        place = (sentence[:, None] == sentence).tril(-1).sum(dim=1)  # among those of its sentence
        n_places = int(place.max()) + 1
        slots = place.new_zeros(n_sentences, n_places)
        slots[sentence, place] = torch.arange(len(sentence), device=place.device)
        return cls(slots, sentence * n_places + place)

    def gather(self, x: Float[Tensor, "R 1 D"]) -> Float[Tensor, "B P D"]:
        """Lay the rows of a sentence side by side."""
        return x.index_select(0, self.slots.flatten()).view(*self.slots.shape, -1)

    def scatter(self, grid: Float[Tensor, "B P D"]) -> Float[Tensor, "R 1 D"]:
        """Bring them back into rows."""
        return grid.flatten(0, 1).index_select(0, self.slot)[:, None]
