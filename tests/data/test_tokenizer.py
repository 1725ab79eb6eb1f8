"""Byte-pair encoding: what is encoded comes back, whatever it is."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.config import BOS, EOS, PAD
from transformer_lib.data.tokenizer import LONGEST, SMALLEST, Tokenizer

LINES = [
    "the old man sees the dog .",
    "der alte Mann sieht den Hund .",
    "the men see the dogs .",
] * 4
N_PIECES = 290
tokenizer = Tokenizer.train(LINES, N_PIECES)

AWKWARD = ["", " ", "  a", "a ", "</s>", "<pad><s>", "▁the", "Ġthe", "ü", "\n", "\r\n", "\u2028",
           "\x85", "\0", "é", "e\u0301", "😀", "👩‍👩‍👧", "\ufeffa", "\ufffd",
           "<0x41>", "\U0010ffff"]  # fmt: skip


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_text_comes_back_exactly(text):
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert "".join(tokenizer.pieces(text)) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_comes_back_exactly(text):
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert "".join(tokenizer.pieces(text)) == text
    assert len(tokenizer.pieces(text)) == len(ids) - 1
    assert ids[-1] == EOS
    assert all(EOS < token < tokenizer.vocab_size for token in ids[:-1])


@given(st.lists(st.sampled_from(["the ", "</s>", "ü", "<s>", "▁", " ", "Hund"])).map("".join))
def test_typed_marks_come_back_exactly(text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
def test_a_batch_is_encoded_as_its_texts_are(texts):
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]


@given(st.lists(st.integers(0, N_PIECES - 1)))
def test_any_ids_can_be_decoded_and_labelled(ids):
    assert tokenizer.decode(ids).encode("utf-8") is not None
    assert len(tokenizer.labels(ids)) == len(ids)


def test_a_mark_that_the_training_text_repeats_never_becomes_the_special_token():
    learnt = Tokenizer.train(["</s></s> <s> <pad>"] * 50, 265)
    assert min(learnt.encode("</s> <s> <pad>")[:-1]) > EOS
    assert learnt.decode(learnt.encode("</s> <s> <pad>")) == "</s> <s> <pad>"


def test_a_word_is_the_same_piece_first_and_elsewhere():
    the = tokenizer.encode("the")[0]
    assert tokenizer.encode("see the") == [*tokenizer.encode("see")[:-1], the, EOS]


def test_pieces_read_like_text():
    assert tokenizer.pieces("the Hündin") == ["the", " ", "H", "", "ü", "nd", "i", "n"]
    assert tokenizer.labels([BOS, *tokenizer.encode("the dog")]) == ["<s>", "the", " dog", "</s>"]


def test_decoding_stops_at_the_end_and_passes_over_padding():
    the, dog = tokenizer.encode("the dog")[:2]
    assert tokenizer.decode([BOS, the, PAD, dog, EOS, the, dog]) == "the dog"


def test_bytes_that_are_no_text_become_replacement_marks():
    first_byte_of_u = tokenizer.encode("ü")[1]
    assert tokenizer.decode([first_byte_of_u]) == "\ufffd"


def test_the_vocabulary_is_as_large_as_asked_for():
    assert tokenizer.vocab_size == N_PIECES
    bytes_alone = Tokenizer.train(["a"], SMALLEST)
    assert bytes_alone.merges == ()
    assert len(bytes_alone.encode("dog")) == len(" dog") + 1


def test_the_most_frequent_pair_is_merged_first():
    learnt = Tokenizer.train(["ab ab ab", "bc bc"], SMALLEST + 2)
    assert learnt.merges == (("a", "b"), ("Ġ", "ab"))


def test_a_pair_that_occurs_once_is_not_merged():
    with pytest.raises(ValueError, match=f"supports only {SMALLEST}"):
        Tokenizer.train(["abcdefg"], SMALLEST + 1)


def test_training_is_the_same_in_another_process():
    code = (
        "from transformer_lib.data.tokenizer import Tokenizer\n"
        f"print(Tokenizer.train({LINES!r}, {N_PIECES}).digest)"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == tokenizer.digest


def test_a_megabyte_without_a_space():
    line = "ab" * 500_000
    learnt = Tokenizer.train([line, line], SMALLEST + 1)
    assert learnt.merges == (("a", "b"),)
    assert learnt.decode(learnt.encode(line)) == line


def test_only_the_start_of_a_very_long_line_is_learnt_from():
    start = "ab " * (LONGEST // 3)
    learnt = Tokenizer.train([start + "xy " * 5000], SMALLEST + 2)
    assert learnt.merges == (("a", "b"), ("Ġ", "ab"))


@pytest.mark.parametrize("act", [tokenizer.encode, tokenizer.pieces,
                                 lambda text: tokenizer.encode_batch(["ok", text]),
                                 lambda text: Tokenizer.train([text], 300)])  # fmt: skip
def test_a_lone_surrogate_is_refused_in_one_line(act):
    with pytest.raises(ValueError, match=r"^character 1 is the lone surrogate U\+D800.*\Z"):
        act("a\ud800")


@pytest.mark.parametrize("token", [-1, N_PIECES])
def test_an_id_outside_the_vocabulary_is_refused(token):
    with pytest.raises(ValueError, match=rf"{token} is outside .* 0 to {N_PIECES - 1}"):
        tokenizer.decode([token])


def test_too_few_pieces_are_refused():
    with pytest.raises(ValueError, match=r"n_pieces is 258; it must be 259 or more"):
        Tokenizer.train(LINES, 258)


def test_more_pieces_than_the_text_supports_are_refused_and_the_number_named():
    with pytest.raises(ValueError, match=r"n_pieces is 5000, .* supports only \d+") as error:
        Tokenizer.train(LINES, 5000)
    supported = int(str(error.value).split("set n_pieces to ")[1].split()[0])
    assert Tokenizer.train(LINES, supported).vocab_size == supported
    with pytest.raises(ValueError, match=f"supports only {supported}"):
        Tokenizer.train(LINES, supported + 1)


def test_a_merge_of_unknown_pieces_is_refused():
    with pytest.raises(ValueError, match="'th' \\+ 'e' joins a piece that no merge made"):
        Tokenizer([("th", "e")])


def test_what_is_saved_is_loaded(tmp_path):
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    assert loaded == tokenizer
    assert loaded.digest == tokenizer.digest
    assert loaded.encode("der Hund </s> ü") == tokenizer.encode("der Hund </s> ü")
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]


def test_tokenizers_with_other_merges_differ():
    other = Tokenizer(tokenizer.merges[:-1])
    assert other != tokenizer
    assert other.digest != tokenizer.digest
    assert tokenizer != "tokenizer"


def test_a_failed_save_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)

    def no_space(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="no space left"):
        Tokenizer(tokenizer.merges[:-1]).save(path)
    assert Tokenizer.load(path) == tokenizer
    assert list(tmp_path.iterdir()) == [path]


def damaged():
    whole = {"format": "transformer_lib tokenizer 1", "sha256": tokenizer.digest,
             "merges": [f"{left} {right}" for left, right in tokenizer.merges]}  # fmt: skip
    text = json.dumps(whole)
    yield "truncated", text[: len(text) // 2]
    yield "empty", ""
    yield "binary", "\0\1\2"
    yield "a list", "[1, 2]"
    yield "foreign", json.dumps({"version": "1.0", "model": {"type": "BPE"}})
    yield "a later format", text.replace("tokenizer 1", "tokenizer 2")
    yield "a merge less", json.dumps({**whole, "merges": whole["merges"][:-1]})
    yield "merges exchanged", json.dumps({**whole, "merges": whole["merges"][::-1]})
    yield "a merge of three", json.dumps({**whole, "merges": ["a b c"]})
    yield "merges of numbers", json.dumps({**whole, "merges": [1]})


@pytest.mark.parametrize(("kind", "text"), list(damaged()))
def test_a_foreign_or_damaged_file_is_refused_in_one_line(kind, text, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(text)
    with pytest.raises(
        ValueError, match=r"tokenizer.json is not a tokenizer of this library: .*\Z"
    ):
        Tokenizer.load(path)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        Tokenizer.load(tmp_path / "missing.json")
