"""One setting holds the book's address: links, sitemap and citation appear only with it."""

import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from measured import footer, repository

from book import checks
from book.conftest import build_book

URL = "https://github.com/Someone/measured-transformer"
PAGES = "https://someone.github.io/measured-transformer/"


@pytest.fixture(scope="module", params=["", URL], ids=["not set", "set"])
def built(request, tmp_path_factory) -> tuple[str, Path]:
    """The landing page alone, built with the setting and without."""
    source = tmp_path_factory.mktemp("source")
    for name in (
        "_config.yml",
        "index.md",
        "chapters.yml",
        "references.bib",
        "reading_paths.yml",
    ):
        shutil.copy(checks.ROOT / name, source)
    for folder in ("_ext", "claims"):
        shutil.copytree(checks.ROOT / folder, source / folder)
    text = (checks.ROOT / "pyproject.toml").read_text(encoding="utf8")
    assert 'repository_url = ""' in text, "the address is set; this test needs to know both states"
    text = text.replace('repository_url = ""', f'repository_url = "{request.param}"')
    (source / "pyproject.toml").write_text(text, encoding="utf8")
    _only_the_landing_page(source)
    return request.param, build_book(source, tmp_path_factory.mktemp("output"))


def _only_the_landing_page(source):
    """Take the links to other pages out, and keep the rest as it is."""
    (source / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    index = (source / "index.md").read_text(encoding="utf8")
    for old, new in {"{doc}": "", "{cite}": ""}.items():
        index = index.replace(old, new)
    (source / "index.md").write_text(index, encoding="utf8")


def test_repository_links(built):
    url, pages = built
    soup = BeautifulSoup((pages / "index.html").read_text(encoding="utf8"), "html.parser")
    links = {a["href"] for a in soup.find_all("a", href=True) if "github.com" in a["href"]}
    if not url:
        assert links == set()
    else:
        assert {URL, f"{URL}/issues/new"} <= {link.split("?")[0] for link in links}
        assert f"{URL}/edit/main/index.md" in links


def test_sitemap(built):
    url, pages = built
    sitemap = pages / "sitemap.xml"
    assert sitemap.exists() == bool(url)
    if url:
        assert f"<loc>{PAGES}index.html</loc>" in sitemap.read_text()


def test_citation(built):
    url, pages = built
    page = (pages / "index.html").read_text(encoding="utf8")
    assert ("How to cite" in page) == bool(url)
    assert (PAGES in page) == bool(url)


def test_the_foot_says_the_version_and_where_to_report_an_error(built):
    url, pages = built
    soup = BeautifulSoup((pages / "index.html").read_text(encoding="utf8"), "html.parser")
    foot = soup.select_one("footer.bd-footer-content")
    text = " ".join(foot.get_text().split())
    assert f"version {footer.version(checks.ROOT)}. Found an error? Open an issue" in text
    assert ("in the repository that this copy came from" in text) != bool(url)
    links = {a["href"] for a in foot.find_all("a", href=True)}
    assert (f"{URL}/issues/new" in links) == bool(url)


@pytest.mark.parametrize("address", ["github.com/a/b", "https://github.com/a", "http://x.org/a/b"])
def test_an_address_of_another_form_is_refused(address, tmp_path):
    text = f'[tool.measured-transformer]\nrepository_url = "{address}"\n'
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ValueError, match="write https://HOST/OWNER/NAME or nothing"):
        repository.repository_url(tmp_path)
