"""The error for a file that cannot be read, and how names from a file are shown."""

LONGEST_SHOWN = 80


class CheckpointError(ValueError):
    """A file that cannot be read as asked: one sentence that names it, what is wrong and what to do."""


def shown(name: object) -> str:
    r"""A name from a file on one line, unprintable characters escaped, cut in the middle; not escaped for HTML.

    >>> shown("quantize.embedding.weight"), shown("two\nlines")
    ('quantize.embedding.weight', 'two\\nlines')
    """
    text = str(name)
    half = (LONGEST_SHOWN - 1) // 2  # both ends: of a path the last part says most
    cut = text if len(text) <= LONGEST_SHOWN else f"{text[:half]}…{text[-half:]}"
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in cut)
