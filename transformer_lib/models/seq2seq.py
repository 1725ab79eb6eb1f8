"""What every model here can do, so that one trainer and one decoder serve all (section 3).

Training calls `model(src, tgt)`; generation calls `start` once and `step` for every token.
"""

from typing import Literal, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from transformer_lib.config import EOS, PAD

# What `forward` is asked for. Training wants the hidden states, and has to get them from `forward`:
# what exchanges gradients between processes (DistributedDataParallel) hooks no other method.
Returns = Literal["logits", "hidden", "all"]


class Seq2SeqOutput(NamedTuple):
    """Everything one forward pass knows. The weights are tuples with one tensor per layer."""

    logits: Float[Tensor, "B T V"]
    hidden: Float[Tensor, "B T D"]  # before the projection onto the vocabulary
    encoder_weights: tuple[Float[Tensor, "B H S S"], ...] = ()
    decoder_weights: tuple[Float[Tensor, "B H T T"], ...] = ()
    cross_weights: tuple[Float[Tensor, "B H T S"], ...] = ()


@runtime_checkable
class State(Protocol):
    """What generation remembers: a row for each hypothesis. Each model defines its own.

    A state is never changed: `step` and `reorder` return new ones.
    """

    def reorder(self, index: Int[Tensor, " N"]) -> "State":
        """Return the state of the rows at `index`, in that order: how a beam search moves.

        A row may be picked several times or not at all.
        """
        ...


@runtime_checkable
class Seq2Seq(Protocol):
    """A model of P(target | source).

    `tgt` is the target shifted right: it begins with BOS, and logits[:, t] predict what follows
    tgt[:, t]. Sentences are padded at the end with PAD.
    """

    vocab_size: int

    @property
    def token_vectors(self) -> Float[Tensor, "V D"]:
        """What `logits` multiplies hidden states with: a vector for each token."""
        ...

    def encode(self, src: Int[Tensor, "B S"]) -> Float[Tensor, "B S D"]:
        """Read the source: one vector for each of its tokens."""
        ...

    def forward(
        self, src: Int[Tensor, "B S"], tgt: Int[Tensor, "B T"], returns: Returns = "logits"
    ) -> Float[Tensor, "B T V"] | Float[Tensor, "B T D"] | Seq2SeqOutput:
        """Predict every next token: logits, the hidden states before them, or everything."""
        ...

    def logits(self, hidden: Float[Tensor, "... D"]) -> Float[Tensor, "... V"]:
        """Project hidden states onto the vocabulary; `forward` and `step` both end with it."""
        ...

    def start(self, src: Int[Tensor, "B S"]) -> State:
        """Read the source and return the state before the first target token."""
        ...

    def step(self, tokens: Int[Tensor, " B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """Take one target token per sentence; return the logits of the next one and a new state."""
        ...


def pick(tensors: tuple[Tensor, ...], index: Int[Tensor, " N"]) -> tuple[Tensor, ...]:
    """Return the rows at `index` of every tensor of a named tuple."""
    return type(tensors)(*(tensor.index_select(0, index) for tensor in tensors))


def check_tokens(name: str, tokens: Tensor, vocab_size: int) -> None:
    """Refuse token ids that no sentence can have, before any layer sees them.

    The models call it where tokens enter. It reads values only of tensors on the host: on an
    accelerator that would wait for the device, so check there before you copy.

    Raises:
        ValueError: not [B, length], empty, an id outside the vocabulary, or a row of PAD alone.
    """
    if tokens.ndim != 2:
        raise ValueError(f"{name} has shape {list(tokens.shape)}; it must be [batch, length]")
    if tokens.numel() == 0:
        raise ValueError(f"{name} is empty, shape {list(tokens.shape)}; give at least one token")
    if tokens.device.type != "cpu" or torch.compiler.is_compiling():
        return
    low, high = tokens.min().item(), tokens.max().item()
    if low < 0 or high >= vocab_size:
        wrong = low if low < 0 else high
        raise ValueError(
            f"{name} holds token id {wrong}, but the vocabulary has ids 0 to {vocab_size - 1}; "
            "was it made by another tokenizer?"
        )
    empty = tokens.eq(PAD).all(dim=1)
    if empty.any():
        row = int(empty.nonzero()[0])
        raise ValueError(
            f"{name} row {row} is padding alone, so attention has nothing to look at; "
            f"an empty sentence is [EOS], token id {EOS}"
        )
