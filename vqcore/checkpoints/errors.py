"""What is said of a file that cannot be read, and how names from a file are shown."""

LONGEST_SHOWN = 80


class CheckpointError(ValueError):
    """A file that cannot be read as asked: one sentence that names it, what is wrong and what to do."""


def shown(name: object) -> str:
    r"""A name from a file on one line, with what cannot be printed escaped, and shortened; not escaped for HTML.

    >>> shown("quantize.embedding.weight"), shown("two\nlines")
    ('quantize.embedding.weight', 'two\\nlines')
    """
    text = str(name)
    cut = text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in cut)
