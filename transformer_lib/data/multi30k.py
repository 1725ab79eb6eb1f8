"""Multi30k, English and German: image captions, fetched once and checked (Elliott et al. 2016).

Terms of the data: for non-commercial research and educational use.
"""

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from transformer_lib.data.base_corpus import TRAIN, VALID, BaseCorpus, TrainingText
from transformer_lib.data.parallel_text import ParallelText, read_parallel

logger = logging.getLogger(__name__)

COMMIT = "a3d2e0d26b56f3846f66a952536ffed4e401d05a"
URL = f"https://raw.githubusercontent.com/multi30k/dataset/{COMMIT}"
CACHE = "TRANSFORMER_LIB_CACHE"  # names a folder that is laid out like the repository
RAW = {
    "train.en": "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f",
    "train.de": "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6",
    "val.en": "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28",
    "val.de": "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a",
    "test_2016_flickr.en": "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
    "test_2016_flickr.de": "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
}
TOKENISED = {
    "train.en": "08925f8e0572bcd5a006702fc5fe20e2d77c6917d4eebd576fc20de6693c2119",
    "train.de": "cb5a23529b65ec2061f1dc446192a9c37382b63cc75f81a0be59d34894b3a505",
    "val.en": "46573ce391ae227f1c72f873392436a20ef18e0a6d518098cfbd70b77c8572ec",
    "val.de": "97232bd273eceb7207f689527386a97e4be2616b18ada47576bdaf96c8ae1f00",
    "test_2016_flickr.en": "5b7f32627cf99eced828311b955dae9800bb52bc8b91cf8b6526829e605b29d2",
    "test_2016_flickr.de": "c6a33d39d48f9f510de147651316cd9d918e09ad0219df734a2f16b6baccacc4",
}


def name_of(split: str, language: str, lowercase: bool) -> str:
    """Return the repository's name of one side of a split.

    Args:
        split: train, val or test_2016_flickr.
        language: en or de.
        lowercase: the form that papers report on: lowercased, normalised, tokenised.
    """
    if lowercase:
        return f"data/task1/tok/{split}.lc.norm.tok.{language}"
    return f"data/task1/raw/{split}.{language}.gz"


SHA256 = {
    name_of(*file.split("."), lowercase): sha256
    for lowercase, table in ((False, RAW), (True, TOKENISED))
    for file, sha256 in table.items()
}


class Multi30k(BaseCorpus):
    """Captions in two forms: `lowercase` is the tokenised one, which papers report on."""

    name = preset = "multi30k"
    tests = ("test_2016",)
    called = {VALID: "val", "test_2016": "test_2016_flickr"}  # in the repository

    def read(self, split: str) -> ParallelText:
        """Read one split, fetched if it is not here yet."""
        return read_parallel(*self.fetch(split))

    def fetch(self, split: str) -> list[Path]:
        """Return the two files of a split, checked."""
        split, lowercase = self.called.get(split, split), self.data.lowercase
        return [fetch(name_of(split, language, lowercase)) for language in ("en", "de")]

    def for_training(self) -> TrainingText:
        """Fetch all, since there may be no network later, and load what training needs."""
        for split in (TRAIN, VALID, *self.tests):
            self.fetch(split)
        return super().for_training()

    @property
    def tokenised(self) -> bool:
        """Whether this is the form of the published scores."""
        return self.data.lowercase

    def note(self, splits: Sequence[str]) -> str:
        """Say whether the scores can stand beside published ones."""
        if not self.tokenised:
            return "text: cased and not tokenised; published scores are lowercased and tokenised"
        return (
            "text: lowercased and tokenised (.lc.norm.tok), pieces joined, counted as it is, as in "
            "published scores; no cased score, since this model writes lower case only"
        )


def cache_folder() -> Path:
    """Return the folder that `TRANSFORMER_LIB_CACHE` names, else one in the user's cache."""
    if named := os.environ.get(CACHE):
        return Path(named).expanduser()
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "transformer_lib" / "multi30k"


def fetch(name: str) -> Path:
    """Return the file of that name in the cache; download it if it is not there.

    An interrupted download leaves no file, so the next call goes on with what is missing. Once
    the cache is filled nothing is asked of the network.

    Raises:
        ValueError: the file is not the one we know (it was changed, or cut short).
        OSError: no network, or no right to write there.
    """
    path = cache_folder() / name
    if not path.exists():
        download(name, path)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256[name]:
        raise ValueError(
            f"{path} has sha256 {found[:12]}, not {SHA256[name][:12]}, so it was changed or "
            "is not whole; delete it and try again"
        )
    return path


def download(name: str, path: Path) -> None:
    """Fetch one file of the repository; it appears in the cache whole and checked, or not at all.

    Raises:
        ValueError: what came is not the file we know.
        OSError: no network, or no right to write there.
    """
    try:
        import pooch  # only a download needs it
    except ImportError:
        raise OSError(
            f"{path} is missing, and so is pooch, which downloads it; pip install pooch, or set "
            f"{CACHE} to a folder laid out like github.com/multi30k/dataset at {COMMIT[:12]}"
        ) from None
    logger.warning("downloading %s (for non-commercial research and educational use)", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        pooch.retrieve(
            f"{URL}/{name}",
            known_hash=f"sha256:{SHA256[name]}",
            fname=path.name,
            path=path.parent,
            downloader=pooch.HTTPDownloader(timeout=30),
        )
    except ValueError:
        raise ValueError(
            f"{URL}/{name} sent a file whose sha256 is not {SHA256[name][:12]}; nothing was kept: "
            "try again, and if it stays so, somebody changes what you download"
        ) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OSError(
            f"cannot download {URL}/{name} ({reason}); connect to the network, or "
            f"set {CACHE} to a folder that holds {name}"
        ) from None
