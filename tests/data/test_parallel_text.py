"""Reading parallel text: what is in the files, and clear words when they are wrong."""

import bz2
import gzip
import lzma
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.data.parallel_text import ParallelText, read_lines, read_parallel, read_tsv


def write(path, content):
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}.get(
        path.suffix, bytes
    )
    path.write_bytes(pack(data))
    return path


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".xz"])
def test_two_files_give_pairs(tmp_path, ending):
    src = write(tmp_path / f"a.en{ending}", "the dog\nthe cat\n")
    tgt = write(tmp_path / f"a.de{ending}", "der Hund\ndie Katze")
    assert read_parallel(src, str(tgt)) == ParallelText(
        ["the dog", "the cat"], ["der Hund", "die Katze"]
    )


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz", "a.tsv.xz"])
def test_a_table_gives_pairs(tmp_path, name):
    path = write(tmp_path / name, "the dog\tder Hund\n\nthe cat\tdie Katze\n")
    assert read_tsv(path) == ParallelText(["the dog", "the cat"], ["der Hund", "die Katze"])


LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0\ufeff"))


@given(lines=st.lists(LINE, min_size=1), end=st.sampled_from(["\n", "\r\n"]), bom=st.booleans())
def test_lines_are_what_stands_between_line_feeds(tmp_path_factory, lines, end, bom):
    path = tmp_path_factory.mktemp("lines") / "text"
    text = "\ufeff" * bom + "".join(line + end for line in lines)
    assert list(read_lines(write(path, text))) == lines


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_other_separators_stay_within_the_line(tmp_path, mark):
    assert list(read_lines(write(tmp_path / "a", f"one{mark}line\n"))) == [f"one{mark}line"]


def test_spaces_at_the_ends_of_a_line_stay(tmp_path):
    assert list(read_lines(write(tmp_path / "a", " one \r\n\ttwo\t\n"))) == [" one ", "\ttwo\t"]


def test_a_megabyte_is_a_line(tmp_path):
    line = "ü" * 500_000
    assert list(read_lines(write(tmp_path / "a", line + "\n"))) == [line]


def test_pairs_with_a_blank_side_are_left_out_and_counted(tmp_path, caplog):
    src = write(tmp_path / "a.en", "one\n\nthree\n   \nfive\n")
    tgt = write(tmp_path / "a.de", "eins\nzwei\n\t\n\nfünf\n")
    assert read_parallel(src, tgt) == ParallelText(["one", "five"], ["eins", "fünf"])
    assert [record.getMessage() for record in caplog.records] == [
        f"left out 3 of 5 pairs of {src} and {tgt}: a side is blank"
    ]


def test_whole_files_are_read_without_a_word(tmp_path, caplog):
    read_parallel(write(tmp_path / "a", "one\n"), write(tmp_path / "b", "eins\n"))
    assert not caplog.records


WHOLE_GZIP = gzip.compress(b"\n" * 1000)
BAD_FILES = {
    "empty": (b"", "no pair in .* has text on both sides"),
    "blank": (b" \n\n", "no pair in .* has text on both sides"),
    "not UTF-8": (b"\nr\xe4t\n", r"line 2 is not UTF-8 \(byte 0xE4 at place 2\)"),
    "UTF-16": ("one\n".encode("utf-16"), "is UTF-16 or UTF-32, not plain text"),
    "lone surrogate": (b"\xed\xa0\x80\n", "line 1 is not UTF-8"),
    "NUL": (b"\ntw\0o\n", "line 2 holds a NUL byte"),
    "cut gzip": (WHOLE_GZIP[:-9], "damaged compressed file"),
    "garbled gzip": (WHOLE_GZIP[:12] + b"\xff" * 9, "damaged compressed file"),
    "gzip name only": (b"\x1f\x8b\x00\x00", "damaged compressed file"),
}


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_in_one_line(tmp_path, content, message):
    bad, twin = write(tmp_path / "bad", content), write(tmp_path / "twin", content)
    for read in (lambda: read_parallel(bad, twin), lambda: read_tsv(bad)):
        with pytest.raises(ValueError, match=message) as error:
            read()
        assert "bad" in str(error.value)
        assert "\n" not in str(error.value)


def test_different_lengths_are_refused_with_both(tmp_path):
    src, tgt = write(tmp_path / "a", "one\ntwo\n"), write(tmp_path / "b", "eins\nzwei\ndrei\n")
    with pytest.raises(ValueError, match=r"a has 2 lines and .*b has 3; each line must"):
        read_parallel(src, tgt)


def test_one_file_for_both_sides_is_refused_under_any_name(tmp_path):
    src = write(tmp_path / "a", "one\n")
    os.link(src, tmp_path / "b")
    for tgt in (src, tmp_path / "." / "a", tmp_path / "b"):
        with pytest.raises(ValueError, match="is both source and target"):
            read_parallel(src, tgt)


@pytest.mark.parametrize(("row", "n"), [("one", 1), ("one\teins\t1", 3)])
def test_a_table_needs_two_columns(tmp_path, row, n):
    with pytest.raises(ValueError, match=f"line 2 has {n} columns; write source, one tab, target"):
        read_tsv(write(tmp_path / "a.tsv", f"two\tzwei\n{row}\n"))


def test_a_missing_file_and_a_folder_are_os_errors_in_one_line(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^cannot read .*missing: No such file"):
        read_parallel(tmp_path / "missing", tmp_path)
    with pytest.raises(IsADirectoryError, match=r"^cannot read .*: Is a directory$"):
        read_tsv(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all files")
def test_an_unreadable_file_is_an_os_error_in_one_line(tmp_path):
    path = write(tmp_path / "a", "one\n")
    path.chmod(0)
    with pytest.raises(PermissionError, match=r"^cannot read .*: Permission denied$"):
        list(read_lines(path))


def test_text_that_begins_like_a_compressed_file_is_text(tmp_path):
    path = write(tmp_path / "a.en", "BZh is no word\n")
    assert list(read_lines(path)) == ["BZh is no word"]


def test_text_is_known_by_its_lines_and_sides():
    texts = [
        (["a", "b"], ["c", "d"]),
        (["a"], ["b", "c", "d"]),
        (["a", "b", "c"], ["d"]),
        (["ab", ""], ["c", "d"]),
        (["b", "a"], ["d", "c"]),
        (["A", "b"], ["c", "d"]),
    ]
    digests = {ParallelText(*text).digest for text in texts}
    assert len(digests) == len(texts)
    assert ParallelText(["a", "b"], ["c", "d"]).digest in digests
