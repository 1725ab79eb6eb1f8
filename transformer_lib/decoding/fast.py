"""What a search does for speed alone: the largest of a row, and products with the vocabulary.

`most_probable` equals `log_probs.topk(count)`, and `by_columns` a model that is left as it is. The
tests hold both. A reader of the book can go past them.
"""

import copy

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

GROUP = 10  # tokens, in `most_probable`
WORTHWHILE = 60_000  # log-probabilities: six rows of 10,000, fifteen of 4,000


def most_probable(
    log_probs: Float[Tensor, "B V"], count: int
) -> tuple[Float[Tensor, "B K"], Int[Tensor, "B K"]]:
    """Return the `count` largest of each row and where they stand: `log_probs.topk(count)`.

    They lie in the groups with the largest maxima, as many groups as are wanted. On a CPU a maximum
    is found much faster than the largest few, so `topk` is left with these groups alone. For a
    single sentence that is not worth the preparation.
    """
    if count == 1:
        return log_probs.max(dim=-1, keepdim=True)  # among equals the same as greedy search
    n_rows, n = log_probs.shape
    n_groups = n // GROUP
    if n_groups <= count or log_probs.numel() < WORTHWHILE:
        return log_probs.topk(min(count, n))
    grouped = n_groups * GROUP  # group g: g, g + n_groups, g + 2 n_groups, ...
    groups = log_probs[:, :grouped].unflatten(1, (GROUP, n_groups)).amax(dim=1).topk(count).indices
    members = torch.arange(0, grouped, n_groups, device=log_probs.device)
    others = torch.arange(grouped, n, device=log_probs.device).expand(n_rows, -1)
    candidates = torch.cat([(groups[:, None] + members[:, None]).flatten(1), others], dim=1)
    best, found = log_probs.gather(1, candidates).topk(count)
    return best, candidates.gather(1, found)


def by_columns(model: nn.Module) -> nn.Module:
    """Return the model for a search on a CPU: the vectors of its vocabulary lie column by column.

    A step of the search multiplies few rows with that matrix, its largest; the product is then up
    to a third faster. All else is shared with `model`, which stays as it is, so that it can be
    saved, trained and changed. The copy is made for each search and takes about as long as a
    single sentence gains: not worthwhile for one.
    """
    output = copy.copy(model.output)
    output._parameters = {"weight": nn.Parameter(model.output.weight.detach().T.contiguous().T)}
    searched = copy.copy(model)
    searched._modules = {**model._modules, "output": output}
    return searched
