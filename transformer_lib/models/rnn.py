"""Recurrent sequence-to-sequence, what the paper set out to replace (section 1).

The encoder is an LSTM or GRU, read in one or both directions. The decoder starts from a summary of
the encoder's last states (Sutskever et al. 2014). With attention it also looks back at all of them,
with the score of Bahdanau et al. 2015; it looks after its recurrent step, not before (Luong et al.
2015), so that all target positions can look at once.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from transformer_lib.config import PAD, RNNConfig
from transformer_lib.layers.attention import AdditiveAttention
from transformer_lib.layers.fast import drop
from transformer_lib.models.base import Seq2SeqModel
from transformer_lib.models.seq2seq import check_tokens, pick

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class RNNState(NamedTuple):
    """The decoder's state; with attention also the source it looks back at, else of length 0."""

    hidden: Float[Tensor, "B L D"]
    cell: Float[Tensor, "B L D"]  # of an LSTM; a GRU leaves it at 0
    memory: Float[Tensor, "B S D"]
    keys: Float[Tensor, "B S D"]
    memory_mask: Bool[Tensor, "B 1 1 S"]

    def reorder(self, index: Int[Tensor, " N"]) -> "RNNState":
        """Return the rows at `index`, in that order."""
        return pick(self, index)


def reverse_padded(x: Float[Tensor, "B S D"], real: Bool[Tensor, "B S"]) -> Float[Tensor, "B S D"]:
    """Reverse each sentence and leave its padding at the end."""
    place = torch.arange(x.size(1), device=x.device)
    length = real.sum(dim=1, keepdim=True)
    index = torch.where(real, length - 1 - place, place)
    return x.gather(1, index[..., None].expand_as(x))


class RecurrentEncoder(nn.Module):
    """Layers of recurrent cells, one direction or both; padding never touches a real position."""

    def __init__(self, config: RNNConfig) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.n_directions = 2 if config.bidirectional else 1
        d_model = config.d_model
        if d_model % self.n_directions:
            raise ValueError(f"d_model = {d_model} is odd; two directions need an even width")
        width = d_model // self.n_directions
        self.layers = nn.ModuleList(
            nn.ModuleList(
                CELLS[config.cell](d_model, width, batch_first=True)
                for _ in range(self.n_directions)
            )
            for _ in range(config.n_layers)
        )

    def forward(
        self, x: Float[Tensor, "B S D"], real: Bool[Tensor, "B S"]
    ) -> tuple[Float[Tensor, "B S D"], Float[Tensor, "B D"]]:
        """Return a vector for each position, and the last state of each direction, side by side."""
        for directions in self.layers:
            outputs = [directions[0](x)[0]]
            if self.n_directions == 2:
                outputs.append(reverse_padded(directions[1](reverse_padded(x, real))[0], real))
            x = drop(torch.cat(outputs, dim=-1), self.dropout, self.training)
        last = (real.sum(dim=1) - 1)[:, None, None].expand(-1, 1, outputs[0].size(-1))
        ends = [outputs[0].gather(1, last)[:, 0], *(backward[:, 0] for backward in outputs[1:])]
        return x, torch.cat(ends, dim=-1)


class RecurrentSeq2Seq(Seq2SeqModel):
    """A `Seq2Seq` model made of recurrence, with or without additive attention."""

    def __init__(self, config: RNNConfig) -> None:
        super().__init__(config)
        d_model = config.d_model
        self.encoder = RecurrentEncoder(config)
        self.bridge = nn.Linear(d_model, config.n_layers * d_model)
        between = config.dropout if config.n_layers > 1 else 0.0
        self.decoder = CELLS[config.cell](
            d_model, d_model, config.n_layers, batch_first=True, dropout=between
        )
        if config.attention:
            self.attention = AdditiveAttention(d_model, d_model, d_model)
            self.combine = nn.Linear(2 * d_model, d_model)

    def read_source(
        self, src: Int[Tensor, "B S"]
    ) -> tuple[Float[Tensor, "B S D"], Float[Tensor, "B D"]]:
        """Return the encoder's vectors and its last state."""
        check_tokens("src", src, self.vocab_size)
        return self.encoder(self.drop(self.src_embedding(src)), src.ne(PAD))

    def start(self, src: Int[Tensor, "B S"]) -> RNNState:
        """Read the source, set the decoder's first state, and keep what attention will look at."""
        memory, last = self.read_source(src)
        hidden = self.bridge(last).tanh().unflatten(1, (self.config.n_layers, -1))
        mask = self.source_mask(src)
        if not self.config.attention:
            memory, mask = memory[:, :0], mask[..., :0]
        keys = self.attention.w_k(memory) if self.config.attention else memory
        return RNNState(hidden, torch.zeros_like(hidden), memory, keys, mask)

    def read_target(
        self, tgt: Int[Tensor, "B T"], state: RNNState
    ) -> tuple[Float[Tensor, "B T D"], RNNState, tuple[Float[Tensor, "B 1 T S"], ...]]:
        """Read target tokens from a state on: hidden states, the new state, attention weights."""
        x = self.drop(self.tgt_embedding(tgt))
        hidden, cell = (t.transpose(0, 1).contiguous() for t in state[:2])  # torch wants [L, B, D]
        if self.config.cell == "lstm":
            x, (hidden, cell) = self.decoder(x, (hidden, cell))
        else:
            x, hidden = self.decoder(x, hidden)
        weights = ()
        if self.config.attention:
            context, seen = self.attention.attend(x, state.keys, state.memory, state.memory_mask)
            x, weights = self.combine(torch.cat([x, context], dim=-1)).tanh(), (seen,)
        new = state._replace(hidden=hidden.transpose(0, 1), cell=cell.transpose(0, 1))
        return self.drop(x), new, weights
