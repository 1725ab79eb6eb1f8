"""The Transformer (section 3.1, Figure 1): embeddings, encoder, decoder, output projection."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from transformer_lib.config import PAD, ModelConfig
from transformer_lib.layers.masks import causal_mask
from transformer_lib.layers.multihead import KVCache
from transformer_lib.layers.positional import LearnedPositions, NoPositions, SinusoidalPositions
from transformer_lib.models.base import Seq2SeqModel
from transformer_lib.models.decoder import Decoder, DecoderLayerOutput
from transformer_lib.models.encoder import Encoder
from transformer_lib.models.fast import SharedRows
from transformer_lib.models.seq2seq import Returns, Seq2SeqOutput, check_tokens, pick


class TransformerState(NamedTuple):
    """What generation remembers: every layer's keys and values of the target and of the source.

    The source's are there once for each sentence, however many hypotheses (rows) it has.
    """

    sentence: Int[Tensor, " R"]  # that each row translates
    caches: tuple[KVCache, ...]  # of the target so far, [R, H, T, K]
    memory: tuple[KVCache, ...]  # of the source, [B, H, S, K]
    memory_mask: Bool[Tensor, "B 1 1 S"]

    def reorder(self, index: Int[Tensor, " N"]) -> "TransformerState":
        """Return the rows at `index`, in that order.

        The source stays where it is, until half of its sentences have no row any more: then these
        leave, since attention would go on to look at them.
        """
        caches = tuple(pick(cache, index) for cache in self.caches)
        state = self._replace(sentence=self.sentence[index], caches=caches)
        wanted, sentence = state.sentence.unique(return_inverse=True)
        if 2 * len(wanted) > len(self.memory_mask):
            return state
        memory = tuple(pick(source, wanted) for source in self.memory)
        return TransformerState(sentence, caches, memory, self.memory_mask[wanted])


class Transformer(Seq2SeqModel):
    """A `Seq2Seq` model made of attention alone."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.src_positions, self.tgt_positions = make_positions(config), make_positions(config)
        self.pads_matter = config.norm != "layer"  # a batch norm counts what the others pass over
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def target_mask(
        self, tgt: Int[Tensor, "B T"], n_past: int = 0
    ) -> Bool[Tensor, "#B #H T P"] | None:
        """Return where in the target its positions may look: none may see what follows it.

        There is a row for each position of `tgt` and a column for each of those and of the
        `n_past` before them. In generation `tgt` is the newest token alone. None hides nothing.
        """
        # The newest may see all there is; a window is causal by itself. Padding at the end of a
        # target is in nobody's past.
        if tgt.size(1) == 1 or self.config.window:
            return None
        return causal_mask(n_past + tgt.size(1), tgt.device)[:, :, n_past:]

    def embed_src(self, src: Int[Tensor, "B S"]) -> Float[Tensor, "B S D"]:
        """Return source embeddings plus positions, with dropout (5.4)."""
        return self.drop(self.src_positions(self.src_embedding(src)))

    def embed_tgt(self, tgt: Int[Tensor, "B T"], start: int = 0) -> Float[Tensor, "B T D"]:
        """Return target embeddings plus positions from `start` on, with dropout (5.4)."""
        return self.drop(self.tgt_positions(self.tgt_embedding(tgt), start))

    def encode(self, src: Int[Tensor, "B S"]) -> Float[Tensor, "B S D"]:
        """Read the source: one vector for each of its tokens."""
        return self.encode_with_weights(src, need_weights=False)[0]

    def encode_with_weights(
        self, src: Int[Tensor, "B S"], need_weights: bool = True
    ) -> tuple[Float[Tensor, "B S D"], tuple[Float[Tensor, "B H S S"] | None, ...]]:
        """Return the memory and each layer's self-attention weights."""
        check_tokens("src", src, self.vocab_size)
        mask = self.source_mask(src)
        return self.encoder(self.embed_src(src), mask, src.ne(PAD), need_weights)

    def forward(
        self, src: Int[Tensor, "B S"], tgt: Int[Tensor, "B T"], returns: Returns = "logits"
    ) -> Float[Tensor, "B T V"] | Float[Tensor, "B T D"] | Seq2SeqOutput:
        """Predict every next token: logits, the hidden states before them, or everything."""
        need_weights = returns == "all"
        memory, encoder_weights = self.encode_with_weights(src, need_weights)
        check_tokens("tgt", tgt, self.vocab_size)
        hidden, layers = self.decoder(
            self.embed_tgt(tgt),
            self.decoder.project(memory),
            self.target_mask(tgt),
            self.source_mask(src),
            real=tgt.ne(PAD),
            need_weights=need_weights,
        )
        if returns == "hidden":
            return hidden
        logits = self.logits(hidden)
        return pack(logits, hidden, encoder_weights, layers) if need_weights else logits

    def start(self, src: Int[Tensor, "B S"]) -> TransformerState:
        """Read the source, project it for every layer, and begin with an empty target."""
        memory = self.decoder.project(self.encode(src))
        sentence = torch.arange(len(src), device=src.device)
        nothing = tuple(KVCache(key[:, :, :0], value[:, :, :0]) for key, value in memory)
        return TransformerState(sentence, nothing, memory, self.source_mask(src))

    def step(
        self, tokens: Int[Tensor, " R"], state: TransformerState
    ) -> tuple[Float[Tensor, "R V"], TransformerState]:
        """Read one more target token; return the logits of the next and the longer state."""
        tgt, n_past = tokens[:, None], state.caches[0].key.size(2)
        hidden, layers = self.decoder(
            self.embed_tgt(tgt, start=n_past),
            state.memory,
            self.target_mask(tgt, n_past),
            state.memory_mask,
            caches=state.caches,
            rows=SharedRows.of(state.sentence, len(state.memory_mask)),
        )
        caches = tuple(layer.cache for layer in layers)
        return self.logits(hidden[:, 0]), state._replace(caches=caches)


def make_positions(config: ModelConfig) -> nn.Module:
    """Build the positional encoding that a configuration names."""
    if config.positions == "sinusoidal":
        return SinusoidalPositions(config.d_model)
    if config.positions == "learned":
        return LearnedPositions(config.max_length, config.d_model)
    return NoPositions()


def pack(
    logits: Float[Tensor, "B T V"],
    hidden: Float[Tensor, "B T D"],
    encoder_weights: tuple[Float[Tensor, "B H S S"], ...],
    layers: tuple[DecoderLayerOutput, ...],
) -> Seq2SeqOutput:
    """Put everything a forward pass knows into one named tuple."""
    return Seq2SeqOutput(
        logits,
        hidden,
        encoder_weights,
        tuple(layer.self_weights for layer in layers),
        tuple(layer.cross_weights for layer in layers),
    )
