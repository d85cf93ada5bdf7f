"""What switches are wired to, whoever trains. Draws nothing."""

from typing import Any, Protocol


class Board(Protocol):
    """What the switches of one training are wired to."""

    def default(self, name: str) -> Any:
        """What the widget of this switch begins at."""

    def value(self, name: str) -> Any:
        """What it says, drawn or about to be."""

    def wired(self, name: str) -> dict[str, Any]:
        """Its key, and what is called when it is used: arguments of the widget."""

    def replace_now(self) -> dict[str, Any] | None:
        """The same of the button that replaces codes at once; None where nothing is trained yet."""
