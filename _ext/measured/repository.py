"""What appears only when pyproject.toml says where the book lives: links, sitemap, citation."""

import tomllib
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

BRANCH = "main"


def repository_url(root: Path) -> str:
    """Return the address in `[tool.measured-transformer]`, or an empty string.

    Raises:
        ValueError: if the address is not of the form https://HOST/OWNER/NAME.
    """
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf8"))
    url = settings["tool"]["measured-transformer"]["repository_url"].rstrip("/")
    if url and not (url.startswith("https://") and url.count("/") == 4):
        raise ValueError(
            f"repository_url in pyproject.toml is {url!r}; write https://HOST/OWNER/NAME or nothing"
        )
    return url


def pages_url(url: str) -> str:
    """Return where the forge publishes the book: https://OWNER.github.io/NAME/ for GitHub."""
    host, owner, name = url.removeprefix("https://").split("/")
    return f"https://{owner.lower()}.{host.removesuffix('.com')}.io/{name}/"


def configure(app, config):
    """Switch on the repository buttons and the book's own address, or leave both off."""
    root = Path(app.srcdir)
    url = repository_url(root)
    if not url:
        return
    config.html_baseurl = pages_url(url)
    config.html_theme_options.update(
        repository_url=url,
        repository_branch=BRANCH,
        repository_provider=urlsplit(url).hostname.split(".")[0],
        path_to_docs="",
        use_repository_button=True,
        use_issues_button=True,
        use_edit_page_button=True,
    )


def citation(root: Path) -> str:
    """Return how to cite the book, or nothing while it has no address."""
    url = repository_url(root)
    if not url:
        return ""
    return f"""## How to cite

```bibtex
@misc{{measuredtransformer,
  title        = {{The Measured Transformer}},
  author       = {{{{The Measured Transformer contributors}}}},
  year         = {{2026}},
  howpublished = {{\\url{{{pages_url(url)}}}}},
}}
```
"""


def write_sitemap(app, exception):
    """List the pages for search engines, once the book has an address of its own."""
    if exception or not app.config.html_baseurl or app.builder.format != "html":
        return
    pages = (app.config.html_baseurl + app.builder.get_target_uri(d) for d in app.env.found_docs)
    urls = "\n".join(f"  <url><loc>{escape(page)}</loc></url>" for page in sorted(pages))
    text = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}\n</urlset>\n'
    )
    (Path(app.outdir) / "sitemap.xml").write_text(text, encoding="utf8")
