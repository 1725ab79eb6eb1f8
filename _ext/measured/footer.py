"""What every page says at its foot: the book's version, and how to report an error."""

import tomllib
from pathlib import Path

from measured import repository


def version(root: Path) -> str:
    """Return the book's version, which is the library's: they are published together."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf8"))
    return settings["project"]["version"]


def footer(root: Path) -> str:
    """Return the foot of a page as HTML; it links to the issues once the book has an address."""
    url = repository.repository_url(root)
    where = "Open an issue in the repository that this copy came from"
    if url:
        where = f'<a href="{url}/issues/new">Open an issue</a>'
    return (
        f"<p>The Measured Transformer, version {version(root)}. Found an error? {where}, "
        "and name this page and the version.</p>"
    )


def configure(app, config):
    """Put it below what `extra_footer` in _config.yml says."""
    options = config.html_theme_options
    options["extra_footer"] = options.get("extra_footer", "") + footer(Path(app.srcdir))
