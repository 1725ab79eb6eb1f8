"""The book's own Sphinx extension: pages made from data, and the one repository setting.

A page asks for made text with a line `<!-- made: NAME -->`, which is replaced before Sphinx reads
the page: made headings enter the table of contents, and made links are checked like any other.
"""

import re
from functools import partial
from pathlib import Path

from measured import api, chapters, footer, ledger, paths, repository, speed, symptoms

ROOT = Path(__file__).resolve().parents[2]
PLACEHOLDER = re.compile(r"<!-- made: ([a-z-]+) -->")

MAKERS = {
    "chapter-map": lambda: chapters.chapter_map(ROOT),
    "progress": lambda: chapters.progress(ROOT),
    "promises": lambda: chapters.promises(ROOT),
    "reading-paths": lambda: paths.reading_paths(ROOT),
    "ledger": lambda: ledger.ledger(ROOT),
    "ledger-progress": lambda: ledger.progress(ROOT),
    "symptoms": lambda: symptoms.symptom_index(ROOT),
    **{f"library-{page}": partial(api.modules, ROOT, page) for page in api.PAGES},
    **{f"speed-of-{kind}": partial(speed.speeds, ROOT, kind) for kind in ("training", "decoding")},
    **{
        f"speed-{make.__name__.replace('_', '-')}": partial(make, ROOT)
        for make in (
            speed.precision,
            speed.breakdown,
            speed.growth,
            speed.powers,
            speed.processes,
            speed.on_a_gpu,
        )
    },
    "citation": lambda: repository.citation(ROOT),
}


def fill_in(text: str) -> str:
    """Replace every placeholder by the Markdown that its maker returns."""
    return PLACEHOLDER.sub(lambda match: MAKERS[match[1]](), text)


def _on_source_read(app, docname, source):
    if PLACEHOLDER.search(source[0]):
        source[0] = fill_in(source[0])
        _last_made(app.env)[docname] = source[0]


def _changed_pages(app, env, added, changed, removed):
    """Name the pages whose data has changed since they were last made; all, for a new contents."""
    contents = (ROOT / "_toc.yml").read_text(encoding="utf8")
    before, env.measured_contents = getattr(env, "measured_contents", contents), contents
    if before != contents:  # Every page shows the contents at its side.
        return env.found_docs
    return [
        name
        for name, made in _last_made(env).items()
        if name in env.found_docs and fill_in(Path(env.doc2path(name)).read_text("utf8")) != made
    ]


def _last_made(env) -> dict[str, str]:
    """Return the made text of each page; Sphinx keeps it between builds with the environment."""
    if not hasattr(env, "measured_pages"):
        env.measured_pages = {}
    return env.measured_pages


def setup(app):
    """Connect the makers and the repository setting to Sphinx."""
    app.connect("config-inited", repository.configure)
    app.connect("config-inited", footer.configure)
    app.connect("source-read", _on_source_read)
    app.connect("env-get-outdated", _changed_pages)
    app.connect("build-finished", repository.write_sitemap)
    # After napoleon, which runs at 500.
    app.connect("autodoc-process-docstring", api.read_as_written, priority=600)
    app.connect("autodoc-process-signature", api.short_shapes)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
