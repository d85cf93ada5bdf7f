"""A part of a page: what one element is sent, and the revision that says whether it has news."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.panels.markup import markup


@dataclass(frozen=True, slots=True)
class Part:
    """What one element shows."""

    revision: str
    """Equal if the element has nothing new to show."""

    make: Callable[[], Any]
    """What the browser is sent for it."""

    is_shared: bool = False
    """Whether a revision is the same for all who watch the session, and worth keeping."""


def small_part(value: Any) -> Part:
    """A part whose content is its own revision, since it is cheap to make."""
    text = json.dumps(value, separators=(",", ":"), default=str)
    return Part(hashlib.blake2b(text.encode(), digest_size=9).hexdigest(), lambda: value)


def said_part(said: Sequence[str], warning: str = "") -> Part:
    """The line below a chart; a warning stands out at its end."""
    return html_part(markup("said", sentences=said, warning=warning))


def html_part(html: str) -> Part:
    """Words with markup made by this server."""
    return small_part({"html": html})
