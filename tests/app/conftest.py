import gc
from collections.abc import Iterator

import pytest
from fake_projection import FakeProjection

from app.doors.start import begin, make
from app.sessions.registry import Registry, registry


@pytest.fixture(scope="session", autouse=True)
def frozen() -> Iterator[None]:
    """Keep what is loaded out of every collection: a session that ends collects, and would search all of it."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def begin_on_localhost() -> None:
    """As `python -m app` starts; of pages without a server, Streamlit does not know where they would be served."""
    begin(make(address="localhost"))


begin_on_localhost()  # tests of other folders may come first: whoever imports the app has their files checked


@pytest.fixture(autouse=True)
def started_on_localhost() -> Iterator[None]:
    """Whatever folders a test opens, those after it read as before."""
    begin_on_localhost()
    yield
    begin_on_localhost()


@pytest.fixture
def sessions() -> Iterator[Registry]:
    """The server's registry, with no UMAP process behind it; all that a test began has ended afterwards."""
    found = registry()
    found.projection.close()
    found.projection = FakeProjection()
    yield found
    found.close()
    registry.clear()
