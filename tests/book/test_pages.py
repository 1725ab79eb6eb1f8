"""The built pages: links lead somewhere, no other host is asked, no browser complains."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from bs4 import BeautifulSoup
from measured.footer import version

from book.checks import ROOT

# Pages that Sphinx makes of code, and those with nothing to read.
WITHOUT = ("_modules", "_static", "_sources", "genindex", "py-modindex")


def pages(book: Path) -> list[Path]:
    """Return the pages that somebody wrote, and the search page."""
    every = sorted(book.rglob("*.html"))
    return [p for p in every if not p.relative_to(book).as_posix().startswith(WITHOUT)]


@cache
def soup(page: Path) -> BeautifulSoup:
    """Return a parsed page."""
    return BeautifulSoup(page.read_text(encoding="utf8"), "html.parser")


def dead_links(book: Path, page: Path) -> list[str]:
    """Return the internal links of a page whose file or anchor does not exist."""
    dead = []
    for tag in soup(page).find_all(["a", "img", "script", "link"]):
        link = tag.get("href") or tag.get("src") or ""
        if not link or re.match(r"[a-z]+:|//", link):
            continue
        address, anchor = urldefrag(link)
        target = (page.parent / unquote(address.split("?")[0])).resolve() if address else page
        if target.is_dir():
            target /= "index.html"
        if not target.exists() or (
            anchor and target.suffix == ".html" and not _has(target, unquote(anchor))
        ):
            dead.append(link)
    return dead


@cache
def _ids(page: Path) -> set[str]:
    return {tag.get("id") or tag.get("name") for tag in soup(page).find_all(True)}


def _has(page: Path, anchor: str) -> bool:
    return anchor in _ids(page)


def test_every_internal_link_leads_somewhere(book):
    dead = {page.name: found for page in pages(book) if (found := dead_links(book, page))}
    assert dead == {}


def test_a_dead_link_is_found(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        '<p id="here"><a href="#here">1</a><a href="#gone">2</a><a href="page.html#gone">3</a>'
        '<a href="gone.html">4</a><img src="gone.png"><a href="https://example.org/gone">5</a></p>'
    )
    assert dead_links(tmp_path, page) == ["#gone", "page.html#gone", "gone.html", "gone.png"]


def test_every_image_has_alt_text(book):
    missing = [
        (page.name, image.get("src"))
        for page in pages(book)
        for image in soup(page).find_all("img")
        if len(image.get("alt", "").split()) < 4 and "logo" not in image.get("class", [])
    ]
    assert missing == []


def test_every_page_has_the_version_and_says_how_to_report_an_error(book):
    wanted = f"version {version(ROOT)}. Found an error?"
    feet = {p.name: " ".join(f.get_text() for f in soup(p).find_all("footer")) for p in pages(book)}
    assert [name for name, foot in feet.items() if wanted not in foot] == []


def test_pages_name_no_path_of_this_machine(book):
    assert [p.name for p in book.rglob("*.html") if str(ROOT) in p.read_text("utf8")] == []


def test_every_chapter_can_be_downloaded_as_a_notebook(book):
    notebooks = [path.stem for path in (ROOT / "chapters").glob("*.ipynb")]
    for name in notebooks:
        page = soup(book / f"chapters/{name}.html")
        links = [a["href"] for a in page.find_all("a", href=True) if a["href"].endswith(".ipynb")]
        assert links, f"{name} has no download link"
        assert all((book / "chapters" / link).resolve().exists() for link in links)
    downloads = [a["href"] for a in soup(book / "index.html").select("a.download[href]")]
    assert len(downloads) == len(notebooks)


def test_the_map_lists_what_is_planned(book):
    text = soup(book / "index.html").get_text()
    assert text.count("planned") >= 16 - len(list((ROOT / "chapters").glob("*.ipynb")))


def test_there_is_one_search_field_and_code_can_be_copied(book, browser):
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    page.goto((book / "index.html").as_uri())
    page.wait_for_timeout(300)
    assert page.locator(".bd-header .search-button-field:visible").count() == 0
    assert page.locator(".search-button-field:visible").count() == 1
    assert page.locator("button.copybtn").count() >= 1
    page.close()


@pytest.mark.parametrize(("theme", "width"), [("light", 1300), ("dark", 390)])
def test_pages_load_in_a_browser_without_complaint(book, browser, theme, width):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    problems = {p.name: found for p in pages(book) if (found := complaints(context, p, theme))}
    context.close()
    assert problems == {}


def complaints(context, path: Path, theme: str) -> list[str]:
    """Return errors on the console, requests to other hosts, a wrong theme, a page too wide."""
    page = context.new_page()
    found = []
    page.on("console", lambda m: found.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    local = ("file:", "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(local) else found.append(r.url))
    page.goto(path.as_uri())
    page.wait_for_timeout(250)
    shown = page.evaluate("document.documentElement.dataset.theme")
    if shown != theme:
        found.append(f"the theme is {shown}, not {theme}")
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    if overflow > 1:
        found.append(f"the page is {overflow} pixels wider than the screen")
    page.close()
    return found


def test_a_page_with_faults_is_complained_about(browser, tmp_path):
    (tmp_path / "page.html").write_text(
        "<html data-theme='light'><script src='gone.js'></script><script>gone()</script>"
        "<img src='https://example.invalid/x.png' alt='x'><div style='width: 2000px'>x</div></html>"
    )
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    found = "\n".join(complaints(context, tmp_path / "page.html", "dark"))
    context.close()
    for part in ("gone is not defined", "Failed to load", "example.invalid", "not dark", "wider"):
        assert part in found


# Sphinx, not we, writes the lists of references, and most of the pages of the library.
CONTEXT = {"include": [["article.bd-article"]], "exclude": [[".citation-list"]]}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_of_ours(book, browser, theme):
    context = browser.new_context(viewport={"width": 1300, "height": 900}, color_scheme=theme)
    ours = [path for path in pages(book) if path.parent.name != "api" and path.stem != "search"]
    # What the two themes may differ in is contrast; all other rules need to run only once.
    rules = None if theme == "light" else ["color-contrast"]
    found = {path.name: v for path in ours if (v := violations(context, path, rules))}
    context.close()
    assert found == {}


def violations(context, path: Path, rules: list[str] | None = None) -> list[str]:
    """Return what axe-core has against the article of a page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_timeout(150)
    # The corner of a table is empty by design, and axe cannot read a heading that is a formula.
    options = {"resultTypes": ["violations"], "rules": {"empty-table-header": {"enabled": False}}}
    options |= {"runOnly": rules} if rules else {}
    result = axe.Axe().run(page, context=CONTEXT, options=options).response
    page.close()
    return [
        f"{violation['id']}: {node['html'][:160]}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]


def test_axe_finds_a_planted_fault(browser, tmp_path):
    (tmp_path / "page.html").write_text(
        "<html lang='en'><title>x</title><article class='bd-article'><img src='x.png'>"
        "<p style='color: #eee; background: #fff'>pale</p></article></html>"
    )
    context = browser.new_context()
    found = "\n".join(violations(context, tmp_path / "page.html"))
    context.close()
    assert "image-alt" in found
    assert "color-contrast" in found
