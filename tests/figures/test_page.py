import re
import shutil

import pytest
import torch

from transformer_lib.figures.page import attention_page, label

NASTY = ["<b>", "&amp;", '"><script>alert(1)</script>', " "]
WEIGHTS = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]]).expand(2, 3, 2, 4)


@pytest.fixture
def page():
    return attention_page("".join(NASTY), "<i>x</i>", NASTY, ["<i>", "x"], WEIGHTS)


def test_text_from_outside_is_escaped(page):
    for tag in ("<b>", "<script", "<i>"):
        assert tag not in page
    assert "&lt;i&gt;x&lt;/i&gt;" in page
    assert "&amp;amp;" in page


def test_every_weight_of_every_layer_and_head_is_there(page):
    assert page.count("<table>") == 2 * (3 + 1)  # the heads and their mean
    assert page.count('<td style="--w:1.00">100</td>') == 8
    assert page.count('<td style="--w:0.25">25</td>') == 8 * 4
    assert page.count('<td style="--w:0.00"></td>') == 8 * 3


def test_it_needs_nothing_else(page):
    assert not re.search(r"<script|<link|<img|src=|href=|url\(|@import|https?:", page)
    assert "default-src 'none'" in page


def test_the_last_layer_comes_first(page):
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["Layer 2 of 2", "Layer 1 of 2"]


def test_pieces_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"\[2, 3, 2, 4\].*1 target and 4 source"):
        attention_page("a", "b", NASTY, ["x"], WEIGHTS)


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_browser_finds_nothing_to_complain_about(page, tmp_path, theme):
    playwright = pytest.importorskip("playwright.sync_api")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    file = tmp_path / "page.html"
    file.write_text(page, encoding="utf-8")
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab, complaints = browser.new_page(color_scheme=theme), []
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("dialog", lambda dialog: complaints.append(dialog.message))
        tab.goto(file.as_uri())
        background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        found = axe.Axe().run(tab)
        browser.close()
    assert (background == "rgb(255, 255, 255)") == (theme == "light")
    assert complaints == []
    assert found.violations_count == 0, found.generate_report()


def test_parts_of_a_letter_are_not_shown_as_spaces():
    assert [label(piece) for piece in (" ", "", "\N{DOG FACE}", " <b>")] == [
        "␣", "…", "\N{DOG FACE}", "&lt;b&gt;"
    ]  # fmt: skip
