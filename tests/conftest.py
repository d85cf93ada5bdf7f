"""What holds for all tests."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def frozen() -> Iterator[None]:
    """Keep what is loaded out of every collection: a session that ends collects, and would search all of it."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
