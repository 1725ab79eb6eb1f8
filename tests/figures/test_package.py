"""The package gives its public names, and does not load matplotlib before one is needed."""

import subprocess
import sys

import pytest

from transformer_lib import figures

BARE = """
import sys
sys.modules["matplotlib"] = None  # as where it is not installed
import transformer_lib.figures
from transformer_lib.figures import attention_page
try:
    from transformer_lib.figures import plot_curves
except ImportError as error:
    print("refused")
"""


@pytest.mark.parametrize("name", figures.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name):
    assert getattr(figures, name).__doc__


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'plot_nothing'"):
        figures.plot_nothing
    with pytest.raises(ImportError, match="plot_nothing"):
        from transformer_lib.figures import plot_nothing  # noqa: F401


def test_the_package_and_its_page_need_no_matplotlib():
    command = [sys.executable, "-c", BARE]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (told.stdout.strip(), told.returncode) == ("refused", 0), told.stderr
