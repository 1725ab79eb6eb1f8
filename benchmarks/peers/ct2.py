"""CTranslate2, its model converted from the Marian model that holds our weights."""

import tempfile
from types import SimpleNamespace

import ctranslate2
import torch
from ctranslate2.converters.transformers import BartLoader
from transformers import MarianMTModel

from benchmarks.peers.marian import with_our_weights
from benchmarks.settings import Sizes, config, load_weights
from transformer_lib.config import BOS, EOS


class Loader(BartLoader):
    """CTranslate2's loader for BART, told of Marian's post-norm.

    Its loader for Marian starts the decoder from a zero vector and drops the last piece, the
    conventions of the published models. Ours starts from a token of its own.
    """

    def get_model_spec(self, model: MarianMTModel):
        model.config.normalize_before = model.config.normalize_embedding = False
        return super().get_model_spec(model)


@torch.no_grad()
def convert(model: MarianMTModel, folder: str) -> None:
    """Write the model in CTranslate2's format; its pieces are our ids, written as numbers."""
    vocabulary = {str(i): i for i in range(model.config.vocab_size)}
    names = SimpleNamespace(
        get_vocab=lambda: vocabulary,
        convert_ids_to_tokens=str,
        bos_token=str(BOS),
        eos_token=str(EOS),
        unk_token=str(EOS + 1),  # has to be one of the pieces; no id is unknown
    )
    spec = Loader()(model, names)
    spec.validate()
    spec.optimize()
    spec.save(folder)


class Decoder:
    """Beam search in float32."""

    def __init__(self, sizes: Sizes) -> None:
        settings = config(sizes)
        self.decode = settings.decode
        with tempfile.TemporaryDirectory() as folder:
            convert(with_our_weights(settings.model, load_weights(sizes)), folder)
            self.translator = ctranslate2.Translator(
                folder, device="cpu", compute_type="float32", inter_threads=1, intra_threads=1
            )

    def __call__(self, batch: list[list[int]]) -> list[list[int]]:
        """Translate a batch."""
        found = self.translator.translate_batch(
            [[str(i) for i in ids] for ids in batch],
            beam_size=self.decode.beam_size,
            length_penalty=self.decode.length_penalty,
            max_decoding_length=max(map(len, batch)) - 1 + self.decode.extra_length,
        )
        return [[int(word) for word in result.hypotheses[0]] for result in found]
