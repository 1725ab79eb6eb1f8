"""Fetching Multi30k: from a server of our own, so that no test needs the network."""

import gzip
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from transformer_lib.config import DataConfig
from transformer_lib.data import multi30k
from transformer_lib.data.corpus import load_corpus, load_split

pooch = pytest.importorskip("pooch", reason="only a download needs it, and it is not installed")
SPLITS = {"train": 5, "val": 2, "test_2016_flickr": 3}


def sentences(split, language, lowercase):
    return [
        f"{split} {language} {'lower' if lowercase else 'Raw'} {i}" for i in range(SPLITS[split])
    ]


def stored(name, lines):
    text = "".join(f"{line}\n" for line in lines).encode()
    return gzip.compress(text) if name.endswith(".gz") else text


class Repository(ThreadingHTTPServer):
    """Serves `files` by name, and keeps the names asked for in `asked`."""

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked, self.cut = files, [], None


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.removeprefix("/commit/")
        self.server.asked.append(name)
        content = self.server.files.get(name)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write((content or b"")[: 4 if name == self.server.cut else None])

    def log_message(self, *_):
        pass


@pytest.fixture
def repository(monkeypatch, tmp_path):
    files = {
        (name := multi30k.name_of(split, language, lowercase)): stored(
            name, sentences(split, language, lowercase)
        )
        for split in SPLITS
        for language in ("en", "de")
        for lowercase in (False, True)
    }
    server = Repository(dict(files))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(multi30k, "SHA256", hashes)
    monkeypatch.setattr(multi30k, "URL", f"http://127.0.0.1:{server.server_port}/commit")
    monkeypatch.setenv("TRANSFORMER_LIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def fill(repository, tmp_path):
    for name, content in repository.files.items():
        path = tmp_path / "cache" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.mark.parametrize("lowercase", [False, True])
def test_the_right_files_are_downloaded_once(repository, lowercase):
    data = DataConfig(corpus="multi30k", lowercase=lowercase)
    corpus = load_corpus(data)
    assert len(repository.asked) == 6
    test = load_split(data, "test_2016")
    for split, text in (("train", corpus.train), ("val", corpus.valid), ("test_2016_flickr", test)):
        assert text.src == sentences(split, "en", lowercase)
        assert text.tgt == sentences(split, "de", lowercase)
    assert load_corpus(data) == corpus
    assert len(repository.asked) == 6


def test_a_filled_cache_needs_no_network_and_no_pooch(repository, tmp_path, monkeypatch):
    fill(repository, tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    assert load_corpus(DataConfig(corpus="multi30k")).valid.src == sentences("val", "en", False)
    assert repository.asked == []


def test_after_an_interruption_only_the_rest_is_downloaded(repository, tmp_path):
    data = DataConfig(corpus="multi30k")
    broken = repository.cut = "data/task1/raw/val.en.gz"
    with pytest.raises((OSError, ValueError), match=r"val.en.gz.*\Z"):
        load_corpus(data)
    assert not (tmp_path / "cache" / broken).exists()
    before, repository.cut = len(repository.asked), None
    load_corpus(data)
    assert before == 3
    assert repository.asked[before:][0] == broken
    assert len(repository.asked) == before + 4


def test_a_tampered_download_is_refused_and_not_kept(repository, tmp_path):
    name = "data/task1/raw/train.en.gz"
    repository.files[name] = gzip.compress(b"something else\n")
    with pytest.raises(
        ValueError, match=r"^http.*train.en.gz sent a file whose sha256 is not .*\Z"
    ):
        load_corpus(DataConfig(corpus="multi30k"))
    assert list((tmp_path / "cache").rglob("*.gz")) == []


def test_a_changed_file_in_the_cache_is_refused(repository, tmp_path):
    fill(repository, tmp_path)
    path = tmp_path / "cache" / "data/task1/raw/val.de.gz"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"val.de.gz has sha256 .* delete it and try again\Z"):
        load_corpus(DataConfig(corpus="multi30k"))
    assert repository.asked == []


def test_offline_with_an_empty_cache_says_what_to_do(repository, monkeypatch):
    monkeypatch.setattr(multi30k, "URL", "http://127.0.0.1:9/commit")  # nobody listens there
    with pytest.raises(OSError, match=r"^cannot download .* \(ConnectionError\); connect .*\Z"):
        load_corpus(DataConfig(corpus="multi30k"))


def test_a_file_that_is_gone_from_the_server_says_so(repository):
    repository.files.clear()
    with pytest.raises(OSError, match=r"^cannot download .* \(HTTPError\)"):
        load_corpus(DataConfig(corpus="multi30k"))


def test_without_pooch_an_empty_cache_says_what_to_install(repository, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pooch", None)
    with pytest.raises(OSError, match="pip install pooch, or set TRANSFORMER_LIB_CACHE"):
        load_corpus(DataConfig(corpus="multi30k"))


def test_the_cache_has_a_place_without_the_variable(monkeypatch, tmp_path):
    monkeypatch.delenv("TRANSFORMER_LIB_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert multi30k.cache_folder() == tmp_path / "transformer_lib" / "multi30k"


def test_every_file_is_pinned():
    assert len(multi30k.SHA256) == 12
    assert len(set(multi30k.SHA256.values())) == 12
    assert all(len(sha256) == 64 for sha256 in multi30k.SHA256.values())
    assert len(multi30k.COMMIT) == 40
    assert multi30k.COMMIT in multi30k.URL
