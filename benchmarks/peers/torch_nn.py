"""torch.nn.Transformer, as tutorials train and use it."""

import math
from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.settings import PEER_LR, TUTORIAL_BATCH, Sizes, config, load_weights
from benchmarks.training import Watch
from transformer_lib.config import BOS, EOS, PAD, ModelConfig
from transformer_lib.data.batching import Batches, pad
from transformer_lib.layers.positional import sinusoidal_positions
from transformer_lib.models.torch_weights import to_torch
from transformer_lib.models.transformer import Transformer
from transformer_lib.recipe import Prepared

LONGEST = 1000


class TutorialTransformer(nn.Module):
    """Embedding, positions, nn.Transformer, projection; one matrix for both, as ours has."""

    def __init__(self, model: ModelConfig) -> None:
        super().__init__()
        self.scale = math.sqrt(model.d_model)
        self.embedding = nn.Embedding(model.vocab_size, model.d_model)
        self.register_buffer("positions", sinusoidal_positions(LONGEST, model.d_model))
        self.dropout = nn.Dropout(model.dropout)
        self.transformer = nn.Transformer(
            model.d_model, model.n_heads, model.n_encoder_layers, model.n_decoder_layers,
            model.d_ff, model.dropout, batch_first=True,
        )  # fmt: skip

    def embed(self, tokens: Tensor) -> Tensor:
        """Return embeddings plus positions."""
        embedded = self.embedding(tokens) * self.scale
        return self.dropout(embedded + self.positions[: tokens.size(1)])

    def encode(self, src: Tensor) -> Tensor:
        """Return the memory."""
        return self.transformer.encoder(self.embed(src), src_key_padding_mask=src.eq(PAD))

    def decode(self, tgt: Tensor, memory: Tensor, src: Tensor) -> Tensor:
        """Return the hidden states of the whole target."""
        return self.transformer.decoder(
            self.embed(tgt),
            memory,
            tgt_mask=hidden_future(tgt.size(1)),
            tgt_key_padding_mask=tgt.eq(PAD),
            memory_key_padding_mask=src.eq(PAD),
        )

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        """Return the logits of every next token."""
        return self.logits(self.decode(tgt, self.encode(src), src))

    def logits(self, hidden: Tensor) -> Tensor:
        """Project onto the vocabulary."""
        return F.linear(hidden, self.embedding.weight)


def hidden_future(length: int) -> Tensor:
    """Return the mask of torch.nn, in which True means "may not attend"."""
    return torch.ones(length, length, dtype=torch.bool).triu(diagonal=1)


def random_batches(data: Prepared) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield source, shifted target and target of random sentences, padded together, for ever."""

    def collate(rows: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        tgt = pad([[BOS, *data.train.tgt(row)] for row in rows])
        return pad([data.train.src(row) for row in rows]), tgt[:, :-1], tgt[:, 1:]

    rows = range(len(data.train))
    loader = DataLoader(rows, TUTORIAL_BATCH, shuffle=True, collate_fn=collate)
    while True:
        yield from loader


def bucketed_batches(data: Prepared) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield our batches, of similar lengths."""
    settings = data.run.config.data
    for batch in Batches(data.train, settings.batch_tokens, settings.seed):
        yield batch.src, batch.tgt_in, batch.tgt_out


def train(data: Prepared, batches: Iterable[tuple[Tensor, Tensor, Tensor]], watch: Watch) -> None:
    """Train as the tutorial does."""
    settings = data.run.config
    torch.manual_seed(settings.train.seed)
    model = TutorialTransformer(settings.model)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)
    loss_of = nn.CrossEntropyLoss(ignore_index=PAD, label_smoothing=settings.train.label_smoothing)
    optimizer = torch.optim.Adam(model.parameters(), PEER_LR, betas=(0.9, 0.98), eps=1e-9)
    model.train()
    for src, tgt_in, tgt_out in batches:
        logits = model(src, tgt_in)
        optimizer.zero_grad()
        loss_of(logits.flatten(0, 1), tgt_out.flatten()).backward()
        optimizer.step()
        watch(int(tgt_out.ne(PAD).sum()))


def train_tutorial(data: Prepared, watch: Watch) -> None:
    """Train on random sentences padded together."""
    train(data, random_batches(data), watch)


def train_bucketed(data: Prepared, watch: Watch) -> None:
    """Train on batches of similar lengths."""
    train(data, bucketed_batches(data), watch)


def with_our_weights(config: ModelConfig, ours: dict[str, Tensor]) -> TutorialTransformer:
    """Return a model that computes what ours computes; ours is post-norm."""
    model, peer = Transformer(config), TutorialTransformer(config).eval()
    model.eval().load_state_dict(ours, strict=False)  # a tied matrix may be there once
    to_torch(model, peer.transformer)
    peer.embedding.weight.data.copy_(model.src_embedding.weight)
    return peer


class Decoder:
    """Greedy search, one sentence at a time, the whole prefix read again for every token."""

    def __init__(self, sizes: Sizes) -> None:
        settings = config(sizes)
        self.model = with_our_weights(settings.model, load_weights(sizes))
        self.extra_length = settings.decode.extra_length

    @torch.no_grad()
    def __call__(self, batch: list[list[int]]) -> list[list[int]]:
        """Translate a batch of one sentence."""
        (ids,) = batch
        src, words = torch.tensor([ids]), []
        memory = self.model.encode(src)
        while len(words) < len(ids) - 1 + self.extra_length:
            hidden = self.model.decode(torch.tensor([[BOS, *words]]), memory, src)
            word = int(self.model.logits(hidden[:, -1]).argmax())
            if word == EOS:
                break
            words.append(word)
        return [words]
