"""Elements that are sent when all of them are drawn."""

from contextlib import suppress
from types import SimpleNamespace

import pytest

from app import together


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the browser got so far; `draw` sends to it."""
    messages: list[str] = []
    context = SimpleNamespace(_enqueue=messages.append)
    monkeypatch.setattr(together, "get_script_run_ctx", lambda **_: context)
    return messages


def draw(name: str) -> None:
    together.get_script_run_ctx()._enqueue(name)


def test_all_are_sent_in_their_order_once_all_are_drawn(sent: list[str]) -> None:
    with together.sent_together():
        draw("map")
        draw("bars")
        assert sent == []
    assert sent == ["map", "bars"]
    draw("later")
    assert sent == ["map", "bars", "later"]


def test_what_was_drawn_before_an_exception_is_sent(sent: list[str]) -> None:
    with suppress(RuntimeError), together.sent_together():
        draw("map")
        raise RuntimeError
    draw("later")
    assert sent == ["map", "later"]


def test_without_a_page_nothing_is_held() -> None:
    with together.sent_together():
        pass
