"""The programme: which jobs there are, which are done, what they found, and where it is written."""

import json
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import gpu_runs, gpu_speed
from benchmarks.gpu_runs import Figures, Sizes, Unfinished
from transformer_lib.evaluation import bleu
from transformer_lib.files import replace_file
from transformer_lib.presets import PRESETS
from transformer_lib.settings import nearest
from transformer_lib.training.files import tensors_to_bytes
from transformer_lib.training.run import RunFolder, environment, to_json

FIGURES, TRANSLATIONS = "gpu.json", "translations.json"
LIBRARIES = ("numpy", "sacrebleu", "safetensors", "tokenizers")
VARIANTS = ("graphs=true", "graphs=false", "precision=float32")  # of our training
LEAST_S = 30.0  # with less time left nothing is begun


class Job(NamedTuple):
    """One thing to measure."""

    name: str
    measure: Callable[[float], Figures]  # called with the seconds that are left
    like: str  # jobs of this kind take as long as one another


class Programme:
    """What is to be measured, what was measured, and where it is written.

    Args:
        out: the folder of results.
        work: the folder of runs, which only a later part on the same machine finds again.
        presets: the recipes.
        n_seeds: how often each is trained.
        sizes: how much is measured.

    Raises:
        ValueError: the results in `out` are of other settings, or a preset is unknown.
    """

    def __init__(
        self, out: Path, work: Path, presets: list[str], n_seeds: int, sizes: Sizes
    ) -> None:
        if unknown := [preset for preset in presets if preset not in PRESETS]:
            hint = nearest(unknown[0], [*PRESETS])
            raise ValueError(f"there is no preset {unknown[0]!r}; {hint}")
        self.out, self.work, self.presets, self.sizes = out, work, presets, sizes
        self.seeds = range(1, n_seeds + 1)
        configs = {p: gpu_runs.settings_of(p, sizes).to_dict() for p in presets}
        settings = {"presets": presets, "seeds": n_seeds, "sizes": sizes._asdict(),
                    "configs": configs}  # fmt: skip
        self.result: Figures = {"command": "python -m benchmarks.gpu",
                                "settings": json.loads(json.dumps(settings)), "parts": [],
                                "jobs": {}, "failed": {}, "summary": {}}  # fmt: skip
        self.translations: dict[str, list[str]] = {}
        if (out / FIGURES).exists():
            found = read(out / FIGURES)
            if found["settings"] != self.result["settings"]:
                raise ValueError(f"{out / FIGURES} was made with other settings or other code; "
                                 "name a new folder")  # fmt: skip
            self.result, self.translations = found, read(out / TRANSLATIONS)

    @property
    def jobs(self) -> dict[str, Figures]:
        """What was measured, by the name of the job."""
        return self.result["jobs"]

    def plan(self) -> Iterator[Job]:
        """Yield all jobs, in their order: a first seed of each recipe comes early."""
        yield Job("tests", lambda left: gpu_speed.run_tests(left), "tests")
        yield Job("peak", lambda _: gpu_speed.measure_peak(self.sizes), "peak")
        for preset in self.presets:
            for how in VARIANTS:
                yield self.speed(preset, how)
        last = self.presets[-1]
        yield Job("tutorial", lambda _: gpu_speed.tutorial_speed(last, self.sizes, self.work),
                  "tutorial")  # fmt: skip
        for seed in self.seeds:
            for preset in self.presets:
                yield Job(f"run:{preset}:{seed}", partial(self.run, preset, seed), f"run:{preset}")
        yield Job("decoding", lambda _: gpu_speed.decoding_speed(self.folder(last), self.sizes),
                  "decoding")  # fmt: skip

    def speed(self, preset: str, how: str) -> Job:
        """Return the job that measures a variant of our training, in a process of its own."""
        measure = partial(gpu_speed.our_speed_apart, preset, how, self.sizes, self.work)
        return Job(f"speed:{preset}:{how}", measure, "speed")

    def graphs_work(self) -> bool:
        """Whether graphs passed their tests and trained."""
        trained = [f"speed:{preset}:graphs=true" in self.jobs for preset in self.presets]
        return all(trained) and self.jobs.get("tests", {}).get("passed", False)

    def folder(self, preset: str) -> Path:
        """Return the folder of the first seed's run that is kept with the results."""
        return self.out / preset

    def run(self, preset: str, seed: int, seconds: float) -> Figures:
        """Train and score one seed of a recipe; keep the weights of the last recipe's first."""
        config = gpu_runs.settings_of(preset, self.sizes, seed)
        config = config.with_settings(f"train.graphs={self.graphs_work()}")
        folder = self.work / f"{preset}-{seed}"
        figures = gpu_runs.one_run(config, folder, self.sizes, seconds)
        self.translations[f"run:{preset}:{seed}"] = figures.pop("translations")
        if seed == 1 and preset == self.presets[-1]:
            keep(RunFolder.open(folder), self.folder(preset))
        return {**figures, "graphs": config.train.graphs}

    def longest(self, like: str) -> float:
        """Return how long the longest job of a kind took, 0 if there was none."""
        return max((f["job_s"] for f in self.jobs.values() if f["like"] == like), default=0.0)

    def go_on(self, seconds: float) -> bool:
        """Do what is left to do within so many seconds; return whether all is done."""
        deadline, done = time.monotonic() + seconds, []
        self.result["failed"] = {}
        part = {"environment": {**environment(), "versions": versions()}, "jobs": done}
        self.result["parts"].append(part)
        for job in self.plan():
            left = deadline - time.monotonic()
            if job.name in self.jobs:
                continue
            if left < max(min(LEAST_S, seconds / 4), 1.1 * self.longest(job.like)):
                return False
            print(f"{job.name} ({left:.0f} s left)", flush=True)
            began = time.monotonic()
            try:
                figures = job.measure(left)
            except Unfinished:
                return False
            except Exception as error:  # one failure must not cost the rest of the programme
                self.result["failed"][job.name] = f"{type(error).__name__}: {error}"[:500]
                print(self.result["failed"][job.name], flush=True)
                continue
            job_s = round(time.monotonic() - began, 1)
            self.jobs[job.name] = {**figures, "like": job.like, "job_s": job_s}
            done.append(job.name)
            self.write()
        return not self.result["failed"]

    def write(self) -> None:
        """Write what was measured so far."""
        replace_file(self.out / TRANSLATIONS, to_json(self.translations))
        replace_file(self.out / FIGURES, to_json(self.result))

    def summarise(self) -> None:
        """Put the figures that matter together, of the jobs that are done, and write all."""
        names = {p: [f"run:{p}:{seed}" for seed in self.seeds] for p in self.presets}
        names = {p: [name for name in found if name in self.jobs] for p, found in names.items()}
        self.result["summary"] = {
            "quality": {p: self.quality(found) for p, found in names.items() if found},
            "comparison": self.comparison(*(names[p] for p in (self.presets[0], self.presets[-1]))),
            "speed": self.speeds(),
        }
        self.write()

    def quality(self, names: list[str]) -> Figures:
        """Return the scores of the seeds of one recipe, their mean and deviation."""
        scores = [self.jobs[name]["scores"]["bleu"] for name in names]
        return {
            "bleu": [round(value, 2) for value in scores],
            "mean": statistics.fmean(scores),
            "deviation": statistics.stdev(scores) if len(scores) > 1 else None,
            "train_s": [self.jobs[name]["train_s"] for name in names],
        }

    def comparison(self, first: list[str], last: list[str]) -> list[Figures]:
        """Return the paired bootstrap of the two recipes, seed by seed."""
        if first == last:
            return []
        config = gpu_runs.settings_of(self.presets[0], self.sizes)
        text, tokenised = gpu_runs.test_text(config, self.sizes), gpu_runs.is_tokenised(config)
        pairs = [(self.translations[one], self.translations[other])
                 for one, other in zip(first, last, strict=False)]  # fmt: skip
        return [bleu.compare(*pair, text.tgt, tokenised)._asdict() for pair in pairs]

    def speeds(self) -> Figures:
        """Return each training's tokens a second, share of the peak, and ratio to the peer."""
        peak, peer = (self.jobs.get(name, {}) for name in ("peak", "tutorial"))
        found = {}
        for name, figures in self.jobs.items():
            if figures["like"] == "speed":
                rate, share = figures["tokens_per_s"], None
                if peak:
                    share = rate * figures["flops_per_token"] / peak["flops_per_s"]
                ratio = rate / peer["tokens_per_s"] if peer else None
                found[name] = {"tokens_per_s": rate, "share_of_peak": share, "x_tutorial": ratio}
        return found


def keep(run: RunFolder, folder: Path) -> None:
    """Write the averaged weights of a run in half precision, as a run folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    half = {name: tensor.half() for name, tensor in run.averaged_weights().items()}
    replace_file(folder / "model.safetensors", tensors_to_bytes(half))
    replace_file(folder / "tokenizer.json", run.tokenizer_path.read_bytes())
    replace_file(folder / "config.json", to_json(run.config.to_dict()))


def read(file: Path) -> Any:
    """Return what a JSON file holds."""
    return json.loads(file.read_text(encoding="utf-8"))


def versions() -> dict[str, str]:
    """Return the versions of the libraries that results depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
