from collections.abc import Iterator

import pytest
from fake_projection import FakeProjection

from app.services import Registry, registry


@pytest.fixture
def sessions() -> Iterator[Registry]:
    """The server's registry, with no UMAP process behind it; all that a test began has ended afterwards."""
    found = registry()
    found.projection.close()
    found.projection = FakeProjection()
    yield found
    found.close()
    registry.clear()
