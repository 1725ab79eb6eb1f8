"""The command line: prepare, train, translate, score, info. `python -m transformer_lib --help`.

Only this file knows about arguments and standard streams; the work is done below it.
"""

import contextlib
import dataclasses
import functools
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from transformer_lib.config import RunConfig
from transformer_lib.exits import INTERRUPTED, UsageError, exit_with
from transformer_lib.files import check_outputs, whole_file
from transformer_lib.presets import PRESETS
from transformer_lib.settings import nearest

if TYPE_CHECKING:
    from transformer_lib.translator import Translator

# What is slow to import is imported where it is used: help and errors should come at once.


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train a Transformer to translate, and translate with it. "
    "Try: transformer_lib translate 'The old man sees the dog.'",
)

Corpus = Annotated[
    str | None,
    typer.Option(help="grammar (built in), multi30k (downloaded) or files.", metavar="NAME"),
]
Src = Annotated[
    str | None,
    typer.Option(
        help="Your source sentences, one on a line, or a .tsv of two columns; .gz, .bz2, .xz too."
    ),
]
Tgt = Annotated[str | None, typer.Option(help="Their translations, line by line.")]
Preset = Annotated[
    str | None,
    typer.Option(help=f"Model and training settings: {', '.join(PRESETS)}.", metavar="NAME"),
]
Run = Annotated[
    Path | None, typer.Option(help="The run folder. If not given: runs/ and the preset's name.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a setting, e.g. train.steps=500. Repeatable.",
                 metavar="SECTION.KEY=VALUE"),
]  # fmt: skip
Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing but warnings.")]


@app.command()
def prepare(
    corpus: Corpus = None,
    src: Src = None,
    tgt: Tgt = None,
    preset: Preset = None,
    run: Run = None,
    set_: Set = None,
) -> None:
    """Fetch and check the text and learn its pieces, without training.

    Takes the same options as train, which goes on from there.
    """
    from transformer_lib import recipe

    config, folder = choose(corpus, src, tgt, preset, run, set_ or [])
    prepared = recipe.prepare(config, folder)
    print(f"{recipe.padding_of(prepared):.1%} of each batch is padding")
    print(f"ready in {folder}; train next, with the same options")


@app.command()
def train(
    corpus: Corpus = None,
    src: Src = None,
    tgt: Tgt = None,
    preset: Preset = None,
    run: Run = None,
    set_: Set = None,
    quiet: Quiet = False,
) -> None:
    """Train a translator; the same command again goes on where it stopped.

    Without options it trains the built-in grammar's translator into runs/grammar.
    From your own files: train --src mine.en --tgt mine.de --run runs/mine

    On several GPUs: torchrun --nproc_per_node 8 -m -- transformer_lib train ... (mind the --)
    """
    from transformer_lib.recipe import train_run
    from transformer_lib.training.distributed import is_first_process

    config, folder = choose(corpus, src, tgt, preset, run, set_ or [])
    outcome = train_run(config, folder, quiet)
    if outcome.reason == "interrupted":  # what was said of it already is enough
        raise SystemExit(INTERRUPTED)
    if not quiet and is_first_process():
        told = shlex.quote(str(folder))
        print(f"try it: python -m transformer_lib translate --run {told} 'your sentence'")


def choose(
    corpus: str | None,
    src: str | None,
    tgt: str | None,
    preset: str | None,
    run: Path | None,
    assignments: list[str],
) -> tuple[RunConfig, Path]:
    """Return the settings that the options mean, and the run folder.

    Raises:
        ValueError: a name is misspelt (the nearest right one is named) or options contradict.
    """
    from transformer_lib.data.corpus import CORPORA
    from transformer_lib.training.run import RunFolder

    if run and not (corpus or src or tgt or preset) and (run / "config.json").exists():
        return RunFolder.open(run).config.with_settings(*assignments), run
    named = corpus or ("files" if src or tgt else None)
    if named and named not in CORPORA:
        raise ValueError(f"there is no corpus {named!r}; {nearest(named, [*CORPORA])}")
    own_preset = CORPORA[named or "grammar"].preset
    preset = preset or own_preset
    if preset not in PRESETS:
        raise ValueError(f"there is no preset {preset!r}; {nearest(preset, [*PRESETS])}")
    config = PRESETS[preset]
    data = config.data.updated(src=src, tgt=tgt)
    if named and named != data.corpus:
        data = data.updated(corpus=named, lowercase=PRESETS[own_preset].data.lowercase)
    config = dataclasses.replace(config, data=data).with_settings(*assignments)
    own = config.data.corpus == PRESETS[preset].data.corpus
    return config, run or Path("runs") / (preset if own else config.data.corpus)


@app.command()
def translate(
    text: Annotated[list[str] | None, typer.Argument(help="Sentences, each in quotes.")] = None,
    run: Annotated[
        Path | None, typer.Option(help="A trained run. If not given: the model that ships.")
    ] = None,
    input_: Annotated[
        Path | None,
        typer.Option("--input", help="A file, a sentence on a line; - is standard input."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Write here. If not given: standard output.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Also write a page with the first sentence's attention.")
    ] = None,
    n_best: Annotated[
        int | None, typer.Option(help="So many translations of each, with scores.", min=1)
    ] = None,
    set_: Set = None,
) -> None:
    """Translate TEXT, or a file, or standard input line by line.

    One line comes out for each that goes in. With --n-best N there are N, each with its rank and
    score (log-probability over length penalty), separated by tabs.
    """
    from transformer_lib.translator import Translator, with_search

    if text and input_:
        raise UsageError("give TEXT or --input, not both")
    check_outputs({"translations": output, "page": html}, inputs=(input_,))
    translator = Translator.load(run)
    translator.config = with_search(translator.config, set_ or [])
    with whole_file(output) if output else contextlib.nullcontext(sys.stdout) as file:
        first = None
        for sentences in sources(translator, text, input_):
            warn_unknown(translator, sentences)
            for line in output_lines(translator, sentences, n_best):
                print(line, file=file)
            file.flush()
            first = first or next(filter(translator.normal, sentences), None)
    if html:
        write_page(translator, first, html)


def sources(
    translator: "Translator", text: list[str] | None, path: Path | None
) -> Iterator[list[str]]:
    """Yield the sentences to translate, as many at a time as are there.

    All of a file is read and checked first; standard input may have no end.
    """
    from transformer_lib.data.parallel_text import read_lines
    from transformer_lib.data.streams import checked, chunks, lines_as_they_come

    if text:
        return iter([*checked([text], translator.encode_one, "sentence")])
    if path and str(path) != "-":
        lines = chunks(read_lines(path))
        return iter([*checked(lines, translator.encode_one, f"{path}, line")])
    if sys.stdin.isatty():
        print("type sentences, one on a line; Ctrl-D ends", file=sys.stderr)
    lines = lines_as_they_come(sys.stdin.buffer, "standard input")
    return checked(lines, translator.encode_one, "standard input, line")


def output_lines(
    translator: "Translator", sentences: list[str], n_best: int | None
) -> Iterator[str]:
    """Yield what to print for each sentence: its translation, or its n best with their scores."""
    for found in translator.n_best(sentences, n_best or 1):
        if not found[0].finished:
            warn(f"the translation that begins {found[0].text[:20]!r} was cut at the length limit")
        if n_best is None:
            yield found[0].text
            continue
        for rank, (text, score, *_) in enumerate(found, start=1):
            yield f"{rank}\t{score:.4f}\t{text}"


def warn_unknown(translator: "Translator", sentences: list[str]) -> None:
    """Warn of words and letters that the model cannot know, and of sentences of another form."""
    words = [word for sentence in sentences for word in translator.unknown_words(sentence)]
    if words:
        told = ", ".join(repr(word) for word in dict.fromkeys(words[:10]))
        more = " and more" if len(words) > 10 else ""
        warn(f"this model does not know {told}{more}; expect nonsense there")
    if odd := [sentence for sentence in sentences if not translator.is_usual(sentence)]:
        warn(f"the sentences of this model begin with a capital and have one . or ?, at the end; "
             f"{odd[0]!r} does not, so expect nonsense")  # fmt: skip


def warn(line: str) -> None:
    """Tell the user something that is no error."""
    print(f"warning: {line}", file=sys.stderr)


def write_page(translator: "Translator", sentence: str | None, path: Path) -> None:
    """Write the page with the attention of one sentence.

    Raises:
        ValueError: there is no sentence.
    """
    from transformer_lib.figures.page import attention_page

    if sentence is None:
        raise ValueError(f"there is no sentence to show, so {path} was not written")
    translation, *rest = translator.attention(sentence)
    with whole_file(path) as file:
        file.write(attention_page(sentence, translation.text, *rest))


@app.command()
def score(
    hyp: Annotated[Path | None, typer.Argument(help="Translations, one on a line.")] = None,
    ref: Annotated[Path | None, typer.Argument(help="References, line by line.")] = None,
    other: Annotated[
        Path | None, typer.Option(help="Another system's translations: is the difference real?")
    ] = None,
    tokenised: Annotated[
        bool,
        typer.Option(
            "--tokenised",
            help="The text is tokenised and lowercased already, as in the "
            "Multi30k protocol; count it as it is.",
        ),
    ] = False,
    run: Annotated[
        Path | None, typer.Option(help="Translate and score the test splits of this run's corpus.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="With --run: this split only, e.g. valid.", metavar="NAME")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="With --run: write the translations of one split here.")
    ] = None,
    json_: Annotated[
        Path | None, typer.Option("--json", help="With --run: write the figures here.")
    ] = None,
    set_: Set = None,
) -> None:
    """Score translations against references, or a run on its own test splits.

    BLEU, chrF and exact match, with signatures; for the built-in grammar also how well attention
    aligns words. Two ways: score HYP REF, or score --run runs/grammar
    """
    if run:
        if hyp or other or tokenised:
            raise UsageError("give HYP and REF, or --run, not both")
        return score_run(run, split, out, json_, set_ or [])
    if split or out or json_ or set_:
        raise UsageError("--split, --out, --json and --set say how to score a run; name it: --run")
    if not (hyp and ref):
        raise UsageError("give HYP and REF, two files; or --run and the folder of a run")
    return score_files(hyp, ref, other, tokenised)


def score_files(hyp: Path, ref: Path, other: Path | None, tokenised: bool) -> None:
    """Print the scores of one or two files of translations.

    Raises:
        OSError: a file cannot be read.
        ValueError: the files do not have as many lines as one another.
    """
    from transformer_lib.data.parallel_text import read_counted
    from transformer_lib.evaluation import bleu

    references = read_counted(ref, tokenised)
    paths = [path for path in (hyp, other) if path]  # the same one twice is a fair question
    systems = [read_counted(path, tokenised) for path in paths]
    for path, lines in zip(paths, systems, strict=True):
        if len(lines) != len(references):
            raise ValueError(
                f"{path} has {len(lines)} lines and {ref} has {len(references)}; "
                "each line must translate the line of the same number"
            )
        print(f"{path}\n{bleu.score(lines, references, tokenised)}")
    if other:
        print(f"paired bootstrap\n{bleu.compare(*systems, references, tokenised)}")


def score_run(
    run: Path, split: str | None, out: Path | None, json_: Path | None, assignments: list[str]
) -> None:
    """Translate the test splits of a run's corpus, with progress, and print the scores of each.

    Raises:
        OSError: the text cannot be read, or a file not written.
        ValueError: no such run or split, no weights, or several splits for one file.
    """
    from transformer_lib import scoring
    from transformer_lib.data.corpus import corpus_of
    from transformer_lib.training.progress import track
    from transformer_lib.translator import Translator, with_search

    check_outputs({"translations": out, "figures": json_}, inputs=())
    translator = Translator.load(run)
    paths = [f"data.{name}=" for name in ("src", "tgt", "valid_src", "valid_tgt")]
    translator.config = with_search(translator.config, assignments, also=tuple(paths))
    data, decode, figures = translator.config.data, translator.config.decode, {}
    names = scoring.splits_to_score(data, split)
    if out and len(names) > 1:
        raise ValueError(f"{out} can hold one split; add --split and one of {', '.join(names)}")
    print(f"{run}, beam {decode.beam_size}, "
          f"length penalty {decode.length_penalty:g} ({decode.penalty})")  # fmt: skip
    print(corpus_of(data).note(names))
    layer = scoring.best_layer(translator)
    for name in names:
        bar = functools.partial(track, name=name)
        found = scoring.score_split(translator, name, layer, bar)
        print(found, flush=True)
        figures[name] = found.figures()
    if out:
        with whole_file(out) as file:
            file.writelines(f"{line}\n" for line in found.translations)
    if json_:
        figures = {"corpus": data.corpus, "decode": decode.to_dict(), "splits": figures}
        with whole_file(json_) as file:
            json.dump(figures, file, indent=1)
            file.write("\n")


@app.command()
def info(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder, e.g. runs/grammar.")],
) -> None:
    """Tell what a run is and how it went."""
    from transformer_lib.training.run import RunFolder
    from transformer_lib.training.summary import describe

    print(describe(RunFolder.open(folder)))


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run a command and exit."""
    command = typer.main.get_command(app).main
    exit_with(lambda: command(arguments, prog_name="transformer_lib", standalone_mode=False))
