"""What all tests share: checked shapes, fixed seeds, one thread for each process."""

import os
import random

import pytest

try:  # A machine without beartype runs the same tests, without the check of shapes.
    import beartype  # noqa: F401
    from jaxtyping import install_import_hook
except ImportError:
    pass
else:
    # The grammar has no shapes to check, and millions of calls: imported first, it stays as it is.
    import transformer_lib.data.grammar  # noqa: F401

    # Before the rest of the library is imported: every public signature is checked at run time.
    install_import_hook("transformer_lib", "typechecker.check")

import hypothesis
import numpy as np
import torch

# The same examples every time, and no deadline: the machine may be busy.
hypothesis.settings.register_profile(
    "repeatable", derandomize=True, deadline=None, database=None, max_examples=25
)
hypothesis.settings.load_profile("repeatable")

# Two workers with two threads each are slower on two cores than with one.
if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded():
    """Start every test from the same random state, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 (the legacy state is what other libraries draw from)
    torch.manual_seed(0)


@pytest.fixture
def unchecked_shapes():
    """Switch the check of shapes off, as users have it, to see the library's own errors."""
    import jaxtyping

    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
