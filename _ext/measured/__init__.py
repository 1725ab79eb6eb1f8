"""The book's own Sphinx extension: pages made from data, and the one repository setting.

A page asks for made text with a line `<!-- made: NAME -->`, which is replaced before Sphinx reads
the page: made headings enter the table of contents, and made links are checked like any other.
"""

import re
from functools import partial
from pathlib import Path

from measured import api, chapters, ledger, repository

ROOT = Path(__file__).resolve().parents[2]
PLACEHOLDER = re.compile(r"<!-- made: ([a-z-]+) -->")

MAKERS = {
    "chapter-map": lambda: chapters.chapter_map(ROOT),
    "ledger": lambda: ledger.ledger(ROOT),
    **{f"library-{page}": partial(api.modules, ROOT, page) for page in api.PAGES},
    "citation": lambda: repository.citation(ROOT),
}


def fill_in(text: str) -> str:
    """Replace every placeholder by the Markdown that its maker returns."""
    return PLACEHOLDER.sub(lambda match: MAKERS[match[1]](), text)


def _on_source_read(app, docname, source):
    source[0] = fill_in(source[0])


def _made_pages(app, env, added, changed, removed):
    """Read the made pages again on every build: their data may have changed."""
    sources = {name: Path(env.doc2path(name)) for name in env.found_docs}
    return [
        name
        for name, path in sources.items()
        if path.suffix == ".md" and PLACEHOLDER.search(path.read_text(encoding="utf8"))
    ]


def setup(app):
    """Connect the makers and the repository setting to Sphinx."""
    app.connect("config-inited", repository.configure)
    app.connect("source-read", _on_source_read)
    app.connect("env-get-outdated", _made_pages)
    app.connect("build-finished", repository.write_sitemap)
    # After napoleon, which runs at 500.
    app.connect("autodoc-process-docstring", api.read_as_written, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
