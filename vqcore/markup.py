"""HTML from Jinja2's templates. Whatever is filled in is escaped; only a template itself says what is markup."""

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2
    import markupsafe


def template(path: Path) -> "jinja2.Template":
    """The template in this file; it may import others that lie beside it.

    Data for a script go through `tojson`, which leaves no character in them that HTML could mistake for its own, and
    JavaScript of ours through `script`.

    Raises:
        ModuleNotFoundError: one sentence, where Jinja2 is not installed.
    """
    return _environment(path.parent).get_template(path.name)


def fragment(path: Path, macro: str, **values: object) -> str:
    """What one macro of the template in this file writes; raises as `template` does."""
    return str(getattr(template(path).module, macro)(**values))


@functools.cache
def _environment(folder: Path) -> "jinja2.Environment":
    try:
        import jinja2  # a training environment, which writes no page, need not have it
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("An HTML report needs Jinja2: pip install jinja2") from error

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False, "allow_nan": False}
    environment.filters["script"] = _script
    return environment


def _script(text: str) -> "markupsafe.Markup":
    """JavaScript in which the browser finds no end of the script; within its strings, a slash may be escaped."""
    import markupsafe

    return markupsafe.Markup(re.sub("</(?=script)", r"<\\/", text, flags=re.IGNORECASE))
