"""The built book and a browser, once for all tests that look at pages."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from book.checks import ROOT

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def build_book(source: Path, output: Path) -> Path:
    """Build the book as `make book` does, from nothing, and return the folder of its pages."""
    start = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    command = [*start, "build", "-W", "-n", "--keep-going", "-q"]
    result = subprocess.run(
        [*command, "--path-output", str(output), str(source)], capture_output=True, text=True
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    return output / "_build/html"


@pytest.fixture(scope="session")
def book(tmp_path_factory) -> Path:
    """The pages of the book, built once, whichever worker asks first."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    done = base / "book/built"
    with open(base / "book.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            done.parent.mkdir(exist_ok=True)
            build_book(ROOT, done.parent)
            done.touch()
    return done.parent / "_build/html"


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, or a skip that says why."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser is installed (looked for {', '.join(BROWSERS)})")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()
