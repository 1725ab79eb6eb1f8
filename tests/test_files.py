"""A file is whole or not there, keeps its mode, and can be replaced on every system."""

import errno
import io
import os
import signal
import stat
import subprocess
import sys
from types import SimpleNamespace

import pytest

from transformer_lib import files
from transformer_lib.files import check_outputs, replace_file, sync_folder, whole_file


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_all_is_written(tmp_path):
    path = tmp_path / "a.txt"
    with whole_file(path) as file:
        file.write("ä\n")
        assert not path.exists()
    assert path.read_bytes() == b"\xc3\xa4\n"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, error):
    path = tmp_path / "a.txt"
    replace_file(path, b"old")

    def half() -> None:
        with whole_file(path) as file:
            file.write("new")
            raise error

    with pytest.raises(error):
        half()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.txt"]


def test_a_full_disk_keeps_the_old_file_and_says_what_to_do(tmp_path, monkeypatch):
    path = tmp_path / "a"
    replace_file(path, b"old")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "sync", full)
    with pytest.raises(OSError, match=r"no space left to write in .*make room") as caught:
        replace_file(path, b"new")
    assert caught.value.errno == errno.ENOSPC
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["a"])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_file_keeps_its_mode_and_a_new_one_has_that_of_the_process(tmp_path, mode):
    path, new = tmp_path / "a", tmp_path / "new"
    path.touch()
    path.chmod(mode)
    before = os.umask(0o027)
    try:
        with whole_file(path) as file:
            (beside,) = tmp_path.glob(".a.*")  # nor may others read it while it is written
            assert stat.S_IMODE(beside.stat().st_mode) == mode
            file.write("secret")
        replace_file(new, b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert stat.S_IMODE(new.stat().st_mode) == 0o640


@pytest.mark.skipif(os.name == "nt", reason="Windows lets only some users make links")
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "file")
    replace_file(tmp_path / "link", b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "file").read_bytes() == b"x"


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM])
def test_a_system_that_opens_no_folder_goes_on(tmp_path, monkeypatch, code):
    """Windows answers so."""
    real = os.open

    def refuse(path, *rest, **options):
        if os.path.isdir(path):
            raise OSError(code, "Permission denied")
        return real(path, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    sync_folder(tmp_path)
    replace_file(tmp_path / "a", b"x")
    assert names(tmp_path) == ["a"]


def test_a_disk_that_fails_is_told(tmp_path, monkeypatch):
    def broken(_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output"):
        sync_folder(tmp_path)


@pytest.mark.parametrize("refusals", [1, 4])
def test_a_file_that_is_being_read_is_replaced_a_little_later(tmp_path, monkeypatch, refusals):
    """Windows refuses to replace a file that is open."""
    real, asked = os.replace, []

    def busy(*paths):
        asked.append(paths)
        if len(asked) <= refusals:
            raise PermissionError(errno.EACCES, "in use")
        real(*paths)

    monkeypatch.setattr(files.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(os, "replace", busy)
    replace_file(tmp_path / "a", b"x")
    assert len(asked) == refusals + 1
    asked.clear()
    refusals = 99
    with pytest.raises(PermissionError):
        replace_file(tmp_path / "a", b"y")
    assert ((tmp_path / "a").read_bytes(), names(tmp_path)) == (b"x", ["a"])


def test_windows_has_its_own_lock(tmp_path, monkeypatch):
    asked = []
    fake = SimpleNamespace(locking=lambda *arguments: asked.append(arguments), LK_NBLCK=2)
    monkeypatch.setattr(files, "fcntl", None)
    monkeypatch.setattr(files, "msvcrt", fake, raising=False)
    with open(tmp_path / "lock", "w") as file:
        files.lock(file)
        assert asked == [(file.fileno(), 2, 1)]


def test_one_name_is_one_file(tmp_path):
    a, link = tmp_path / "a", tmp_path / "link"
    check_outputs({"page": a, "text": tmp_path / "b", "rest": None}, (tmp_path / "c", None))
    check_outputs({"page": os.devnull, "text": os.devnull}, (os.devnull,))
    for outputs, inputs in (
        ({"text": a, "page": a}, ()),
        ({"text": a, "page": tmp_path / "sub" / ".." / "a"}, ()),
        ({"text": a}, (a,)),
    ):
        (tmp_path / "sub").mkdir(exist_ok=True)
        with pytest.raises(ValueError, match="is the input, or another output"):
            check_outputs(outputs, inputs)
    a.touch()
    os.link(a, link)
    with pytest.raises(ValueError, match="link is the input, or another output"):
        check_outputs({"text": link}, (a,))


def test_a_program_that_is_told_to_end_leaves_no_hidden_file(tmp_path):
    """Its output was half written when SIGTERM came."""
    program = (
        "import sys; from transformer_lib.exits import exit_with\n"
        "from transformer_lib.files import whole_file\n"
        "def work():\n"
        "    with whole_file(sys.argv[1]) as file:\n"
        "        print('half', file=file, flush=True); print('ready', flush=True)\n"
        "        import time; time.sleep(60)\n"
        "exit_with(work)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout.readline().startswith(b"ready")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert names(tmp_path) == []


def test_text_is_utf8_whatever_the_system_says(tmp_path, monkeypatch):
    from transformer_lib import exits

    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp1252"))
    with pytest.raises(SystemExit):
        exits.exit_with(lambda: print("→ ä"))
    assert raw.getvalue().decode("utf-8") == "→ ä\n"
