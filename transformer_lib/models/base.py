"""What all families of models share: the vectors of the tokens, dropout on them, logits (3.4)."""

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from transformer_lib.config import AnyModelConfig
from transformer_lib.layers.embedding import OutputProjection, ScaledEmbedding
from transformer_lib.layers.fast import drop
from transformer_lib.layers.masks import padding_mask
from transformer_lib.models.seq2seq import Returns, Seq2SeqOutput, State, check_tokens


class Seq2SeqModel(nn.Module):
    """The frame of a `Seq2Seq` model.

    A family adds `read_source(src)`, which returns a vector for each source token first; `start`;
    and `read_target(tgt, state)`, which reads target tokens from a state on and returns hidden
    states, the new state and each layer's weights. The Transformer reads a whole target side by
    side, and has an `encode`, a `forward` and a `step` of its own.
    """

    pads_matter = True  # whether training might differ with more padding around the same pairs

    def __init__(self, config: AnyModelConfig) -> None:
        super().__init__()
        self.config, self.vocab_size = config, config.vocab_size
        self.src_embedding = ScaledEmbedding(config.vocab_size, config.d_model)
        self.tgt_embedding = ScaledEmbedding(config.vocab_size, config.d_model)
        self.output = OutputProjection(config.vocab_size, config.d_model)
        if config.tie_embeddings:  # one matrix for all three (3.4)
            self.tgt_embedding.weight = self.output.weight = self.src_embedding.weight

    @property
    def token_vectors(self) -> Float[Tensor, "V D"]:
        """What `logits` multiplies hidden states with: a vector for each token."""
        return self.output.weight

    def source_mask(self, src: Int[Tensor, "B S"]) -> Bool[Tensor, "B 1 1 S"]:
        """Return where in the source others may look: at what is not padding."""
        return padding_mask(src)

    def encode(self, src: Int[Tensor, "B S"]) -> Float[Tensor, "B S D"]:
        """Read the source: one vector for each of its tokens."""
        return self.read_source(src)[0]

    def drop(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        """Drop out entries in training."""
        return drop(x, self.config.dropout, self.training)

    def forward(
        self, src: Int[Tensor, "B S"], tgt: Int[Tensor, "B T"], returns: Returns = "logits"
    ) -> Float[Tensor, "B T V"] | Float[Tensor, "B T D"] | Seq2SeqOutput:
        """Predict every next token: logits, the hidden states before them, or everything."""
        check_tokens("tgt", tgt, self.vocab_size)
        hidden, _, weights = self.read_target(tgt, self.start(src))
        if returns == "hidden":
            return hidden
        logits = self.logits(hidden)
        return Seq2SeqOutput(logits, hidden, (), (), weights) if returns == "all" else logits

    def logits(self, hidden: Float[Tensor, "*B D"]) -> Float[Tensor, "*B V"]:
        """Project hidden states onto the vocabulary."""
        return self.output(hidden)

    def step(self, tokens: Int[Tensor, " B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """Read one more target token; return the logits of the next and the new state."""
        hidden, state, _ = self.read_target(tokens[:, None], state)
        return self.logits(hidden[:, 0]), state
