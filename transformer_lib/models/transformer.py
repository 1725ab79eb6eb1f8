"""The Transformer (section 3.1, Figure 1): embeddings, encoder, decoder, output projection."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from transformer_lib.config import PAD, ModelConfig
from transformer_lib.layers.embedding import OutputProjection, ScaledEmbedding
from transformer_lib.layers.fast import drop
from transformer_lib.layers.masks import causal_mask, padding_mask
from transformer_lib.layers.multihead import KVCache
from transformer_lib.layers.positional import LearnedPositions, NoPositions, SinusoidalPositions
from transformer_lib.models.decoder import Decoder, DecoderLayerOutput, SharedRows
from transformer_lib.models.encoder import Encoder
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


class Transformer(nn.Module):
    """A `Seq2Seq` model made of attention alone.

    Raises:
        ValueError: the configuration does not fit together (see its layers).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config, self.vocab_size = config, config.vocab_size
        self.src_embedding = ScaledEmbedding(config.vocab_size, config.d_model)
        self.tgt_embedding = ScaledEmbedding(config.vocab_size, config.d_model)
        self.output = OutputProjection(config.vocab_size, config.d_model)
        if config.tie_embeddings:  # one matrix for all three (3.4)
            self.tgt_embedding.weight = self.output.weight = self.src_embedding.weight
        self.src_positions, self.tgt_positions = make_positions(config), make_positions(config)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def embed_src(self, src: Int[Tensor, "B S"]) -> Float[Tensor, "B S D"]:
        """Return source embeddings plus positions, with dropout (5.4)."""
        return self.drop(self.src_positions(self.src_embedding(src)))

    def embed_tgt(self, tgt: Int[Tensor, "B T"], start: int = 0) -> Float[Tensor, "B T D"]:
        """Return target embeddings plus positions from `start` on, with dropout (5.4)."""
        return self.drop(self.tgt_positions(self.tgt_embedding(tgt), start))

    def drop(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Drop out entries in training."""
        return drop(x, self.config.dropout, self.training)

    def encode(self, src: Int[Tensor, "B S"]) -> Float[Tensor, "B S D"]:
        """Read the source: one vector for each of its tokens.

        Raises:
            ValueError: the tokens are no batch of sentences (see `check_tokens`).
        """
        return self.encode_with_weights(src, need_weights=False)[0]

    def encode_with_weights(
        self, src: Int[Tensor, "B S"], need_weights: bool = True
    ) -> tuple[Float[Tensor, "B S D"], tuple[Float[Tensor, "B H S S"] | None, ...]]:
        """Return the memory and each layer's self-attention weights.

        Raises:
            ValueError: the tokens are no batch of sentences (see `check_tokens`).
        """
        check_tokens("src", src, self.vocab_size)
        return self.encoder(self.embed_src(src), padding_mask(src), src.ne(PAD), need_weights)

    def forward(
        self, src: Int[Tensor, "B S"], tgt: Int[Tensor, "B T"], returns: Returns = "logits"
    ) -> Float[Tensor, "B T V"] | Float[Tensor, "B T D"] | Seq2SeqOutput:
        """Predict every next token: logits, the hidden states before them, or everything.

        Raises:
            ValueError: the tokens are no batch of sentences (see `check_tokens`).
        """
        need_weights = returns == "all"
        memory, encoder_weights = self.encode_with_weights(src, need_weights)
        check_tokens("tgt", tgt, self.vocab_size)
        # A window is causal by itself; padding at the end of the target is in nobody's past.
        mask = None if self.config.window else causal_mask(tgt.size(1), tgt.device)
        hidden, layers = self.decoder(
            self.embed_tgt(tgt),
            self.decoder.project(memory),
            mask,
            padding_mask(src),
            real=tgt.ne(PAD),
            need_weights=need_weights,
        )
        if returns == "hidden":
            return hidden
        logits = self.logits(hidden)
        return pack(logits, hidden, encoder_weights, layers) if need_weights else logits

    def logits(self, hidden: Float[Tensor, "*B D"]) -> Float[Tensor, "*B V"]:
        """Project hidden states onto the vocabulary."""
        return self.output(hidden)

    def start(self, src: Int[Tensor, "B S"]) -> TransformerState:
        """Read the source, project it for every layer, and begin with an empty target.

        Raises:
            ValueError: the tokens are no batch of sentences (see `check_tokens`).
        """
        memory = self.decoder.project(self.encode(src))
        sentence = torch.arange(len(src), device=src.device)
        nothing = tuple(KVCache(key[:, :, :0], value[:, :, :0]) for key, value in memory)
        return TransformerState(sentence, nothing, memory, padding_mask(src))

    def step(
        self, tokens: Int[Tensor, " R"], state: TransformerState
    ) -> tuple[Float[Tensor, "R V"], TransformerState]:
        """Read one more target token; return the logits of the next and the longer state.

        Raises:
            ValueError: learned positions end here.
        """
        hidden, layers = self.decoder(
            self.embed_tgt(tokens[:, None], start=state.caches[0].key.size(2)),
            state.memory,
            memory_mask=state.memory_mask,
            caches=state.caches,
            rows=SharedRows.of(state.sentence, len(state.memory_mask)),
        )
        caches = tuple(layer.cache for layer in layers)
        return self.logits(hidden[:, 0]), state._replace(caches=caches)


def make_positions(config: ModelConfig) -> nn.Module:
    """Build the positional encoding that a configuration names.

    Raises:
        ValueError: d_model is odd with sinusoids.
    """
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
