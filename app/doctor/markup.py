"""The Doctor page's own HTML, in which whatever a file has named is escaped. Knows no widget."""

from pathlib import Path

from vqcore.markup import fragment

TEMPLATE = Path(__file__).with_name("markup.html.j2")


def markup(macro: str, **values: object) -> str:
    """What one macro of the page's template writes."""
    return fragment(TEMPLATE, macro, **values)
