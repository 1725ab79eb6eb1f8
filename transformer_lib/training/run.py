"""A run folder: what was trained, on what, and how it went.

`config.json`, `tokenizer.json`, `data.json` (the digests of the text), `environment.json`,
`metrics.jsonl`, `log.txt`, `checkpoints/`, and when training ends `model.safetensors`, the mean of
the last checkpoints. The command line adds `curve.svg`.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from transformer_lib.config import RunConfig
from transformer_lib.files import explain_full_disk, lock, replace_file
from transformer_lib.training import checkpoint
from transformer_lib.training.ending import why_over
from transformer_lib.training.environment import environment
from transformer_lib.training.files import (
    DamagedFile,
    read_state,
    read_tensors,
    tensors_to_bytes,
)

DATA = "data.json"
FILES = (
    "config.json", "tokenizer.json", DATA, "environment.json", "metrics.jsonl", "log.txt",
    "curve.svg", "checkpoints", checkpoint.MODEL,
)  # fmt: skip


class RunFolder:
    """The files of one training run, at `path`; `config` is what it was made with."""

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path = path
        self.config = config

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """Open a run that exists.

        Raises:
            ValueError: no such folder, or it holds no run that can be read.
        """
        path = Path(path)
        file = path / "config.json"
        if not file.is_file():
            raise ValueError(f"{path} holds no run: there is no {file}; train one, or name another")
        try:
            return cls(path, RunConfig.from_dict(json.loads(file.read_text(encoding="utf-8"))))
        except (ValueError, TypeError, AttributeError, OSError) as error:
            raise ValueError(f"{file} cannot be read ({error})") from None

    @classmethod
    def create(cls, path: str | Path, config: RunConfig, write: bool = True) -> "RunFolder":
        """Make a run folder, or open the one that is there if it is of the same configuration.

        With several processes only the first one should `write`.

        Raises:
            ValueError: `path` is a file, holds something else, or a run of another configuration.
        """
        path = Path(path)
        if path.exists() and not path.is_dir():
            raise ValueError(f"{path} is a file; name a folder for the run")
        if (path / "config.json").exists():
            require_same(path, cls.open(path).config, config)
        elif path.is_dir() and any(is_foreign(entry) for entry in path.iterdir()):
            raise ValueError(f"{path} holds other files and no run; name a new or an empty folder")
        run = cls(path, config)
        if write:
            with explain_full_disk(path):
                run.checkpoint_folder.mkdir(parents=True, exist_ok=True)
            replace_file(path / "environment.json", to_json(environment()))
            replace_file(path / "config.json", to_json(config.to_dict()))
        return run

    @property
    def checkpoint_folder(self) -> Path:
        """Where the checkpoints lie."""
        return self.path / "checkpoints"

    @property
    def tokenizer_path(self) -> Path:
        """Where the tokenizer lies."""
        return self.path / "tokenizer.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second training out of the folder; the lock dies with its process.

        Raises:
            ValueError: another process trains here.
        """
        self.require_own_weights()
        with open(self.path / ".lock", "w") as file:
            try:
                lock(file)
            except OSError:
                raise ValueError(
                    f"another process is training in {self.path}; wait for it or stop it"
                ) from None
            yield

    def log(self, line: str) -> None:
        """Append a line to log.txt, with the time in UTC."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        self._append("log.txt", f"{stamp} {line}\n")

    def record(self, values: dict[str, Any]) -> None:
        """Append one line to metrics.jsonl."""
        self._append("metrics.jsonl", json.dumps(values) + "\n")

    def _append(self, name: str, text: str) -> None:
        with explain_full_disk(self.path), open(self.path / name, "a", encoding="utf-8") as file:
            file.write(text)

    def metrics(self) -> list[dict[str, Any]]:
        """Return what was recorded, oldest first; a line that a crash cut short is left out."""
        file = self.path / "metrics.jsonl"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        records = []
        for line in lines:
            try:
                records.append(json.loads(line))
            except ValueError:
                break
        return records

    def environment(self) -> dict[str, str]:
        """Return the versions and the hardware with which the run was begun or last went on."""
        return json.loads((self.path / "environment.json").read_text(encoding="utf-8"))

    def rewind(self, step: int) -> list[dict[str, Any]]:
        """Drop what was recorded after `step`, since it will be recorded again; return the rest."""
        kept = [record for record in self.metrics() if record["step"] <= step]
        lines = "".join(json.dumps(record) + "\n" for record in kept)
        replace_file(self.path / "metrics.jsonl", lines.encode())
        return kept

    def averaged_weights(self, warn: Callable[[str], None] | None = None) -> dict[str, Tensor]:
        """Return the weights that translate: the mean of the last checkpoints (section 6.1).

        Without checkpoints, `model.safetensors`: all that a run needs to be passed on.

        Raises:
            ValueError: there are no weights, or none that can be read.
        """
        paths = checkpoint.checkpoints(self.checkpoint_folder, interrupted=False)
        paths = paths or checkpoint.checkpoints(self.checkpoint_folder)
        if not paths:
            return read_tensors(self.weights_path)
        paths = paths[-self.config.train.average :]
        try:
            return checkpoint.average(self._readable(paths, warn or self.log))
        except ValueError:
            if all(path.exists() for path in paths):
                raise
            return self.averaged_weights(warn)  # a training pruned one meanwhile: look again

    def _readable(self, paths: list[Path], warn: Callable[[str], None]) -> list[Path]:
        readable = []
        for path in paths:
            try:
                read_tensors(path / checkpoint.MODEL)
                readable.append(path)
            except DamagedFile as error:
                if not path.exists():
                    raise
                warn(f"{error}; it is left out of the average")
        return readable

    @property
    def weights_path(self) -> Path:
        """Where the averaged weights lie when training has ended."""
        return self.path / checkpoint.MODEL

    def write_weights(self) -> None:
        """Write the averaged weights to `model.safetensors`."""
        replace_file(self.weights_path, tensors_to_bytes(self.averaged_weights()))

    def export(self, folder: str | Path, half: bool = False) -> "RunFolder":
        """Write what translates, and nothing else: averaged weights, tokenizer and settings.

        Args:
            folder: made if it is not there; what was exported there before is replaced.
            half: store the weights in half precision.

        Raises:
            ValueError: the folder is that of this run, whose own weights stay as they are.
        """
        folder = Path(folder)
        if folder.resolve() == self.path.resolve():
            raise ValueError(f"{folder} is the run itself; name another folder to export it to")
        tensors = self.averaged_weights()
        if half:
            tensors = {
                name: tensor.half() if tensor.is_floating_point() else tensor
                for name, tensor in tensors.items()
            }
        folder.mkdir(parents=True, exist_ok=True)
        exported = RunFolder(folder, self.config)
        replace_file(exported.weights_path, tensors_to_bytes(tensors))
        for file in (self.tokenizer_path, self.path / DATA):
            if file.exists():
                replace_file(folder / file.name, file.read_bytes())
        replace_file(folder / "config.json", to_json(self.config.to_dict()))
        return exported

    @property
    def has_begun(self) -> bool:
        """Whether there are weights that some training made."""
        return self.weights_path.exists() or bool(checkpoint.checkpoints(self.checkpoint_folder))

    def is_finished(self) -> bool:
        """Whether training came to its end, and was saved. Weights passed on are a whole run."""
        saved = checkpoint.checkpoints(self.checkpoint_folder)
        if not (saved and self.weights_path.exists()):
            return self.weights_path.exists()
        standing = read_state(saved[-1] / checkpoint.STATE)["standing"]
        return bool(why_over(self.config.train, standing["step"], standing["waited"]))

    def require_own_weights(self) -> None:
        """Refuse to train where weights lie that this training did not make.

        Raises:
            ValueError: there are weights and no checkpoint to go on from.
        """
        if self.has_begun and not checkpoint.checkpoints(self.checkpoint_folder):
            raise ValueError(
                f"{self.path} holds trained weights without the checkpoints that made them, so "
                "training cannot go on here and would replace them; name another folder to train "
                f"anew, or move {self.weights_path.name} away"
            )

    def known_text(self) -> dict[str, str]:
        """Return the digest of the text of each split, as noted; {} for a run of before."""
        file = self.path / DATA
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    def note_text(self, digests: dict[str, str]) -> None:
        """Note the digest of the text of each split."""
        replace_file(self.path / DATA, to_json(digests))


def is_foreign(entry: Path) -> bool:
    """Whether a file is none that a run makes. A crash may leave some of those without the rest."""
    return entry.name not in FILES and not entry.name.startswith(".")


def to_json(values: dict[str, Any]) -> bytes:
    """Return JSON for people to read."""
    return (json.dumps(values, indent=2) + "\n").encode()


def require_same(path: Path, there: RunConfig, wanted: RunConfig) -> None:
    """Refuse to go on with other settings than a run began with.

    Raises:
        ValueError: names the first settings that differ.
    """
    old, new = there.lasting(), wanted.lasting()
    names = [name for name in {**new, **old} if old.get(name) != new.get(name)]
    if names:
        told = ", ".join(f"{n}={old.get(n)} not {new.get(n)}" for n in names[:3])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise ValueError(
            f"{path} was made with {told}{more}; name another folder, or give the same settings"
        )
