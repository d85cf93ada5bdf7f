"""An alert posted to a webhook. Whatever the other side does, it takes bounded time and gives at most a sentence."""

import json
import threading
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from vqcore.files.errors import shown
from vqcore.runs.following import Alert

SECONDS = 5.0
"""How long a post may take."""

ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""Letters that chat servers read as commands, for example to call a whole channel, and how they ask for them."""


class _NoRedirect(HTTPRedirectHandler):
    """A post that is redirected would go on as a GET without its content."""

    def redirect_request(self, *_: Any) -> None:
        return None


def checked_address(text: str) -> str:
    """`text` if something can be posted there.

    Raises:
        ValueError: if it is no http or https address.
    """
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        is_address = False
    if not is_address or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("`--webhook` must be an address such as https://host/path, but what was given is none.")
    return text


def payload(alert: Alert) -> dict[str, Any]:
    """What is posted. `text` is what Slack and Mattermost show."""
    return {
        "text": alert.text.translate(ESCAPES),
        "folder": str(alert.folder),
        "findings": [
            {
                "codebook": one.codebook,
                "severity": one.finding.severity,
                "condition": one.finding.condition,
                "title": one.finding.title,
                "after": one.after,
                "by": one.by,
            }
            for one in alert.onsets
        ],
    }


def post(address: str, alert: Alert, *, seconds: float = SECONDS) -> str:
    """Post it; a sentence if that failed, else nothing. The address may be a secret: only its host is named."""
    said: list[str] = []
    posting = threading.Thread(target=lambda: said.append(_posted(address, alert, seconds)), daemon=True)
    posting.start()
    posting.join(seconds)  # a server that answers a letter at a time keeps every timeout of its own
    why = said[0] if said else f"no answer within {seconds:g} seconds"
    return f"The alert did not reach the webhook at {urlsplit(address).hostname} ({why})." if why else ""


def _posted(address: str, alert: Alert, seconds: float) -> str:
    """Why it failed; nothing if it did not."""
    content = json.dumps(payload(alert), allow_nan=False).encode()
    request = Request(address, content, {"Content-Type": "application/json", "User-Agent": "vqscope"}, method="POST")
    try:
        with build_opener(_NoRedirect).open(request, timeout=seconds):
            return ""
    except HTTPError as error:
        error.close()
        return f"HTTP status {error.code}"
    except (OSError, HTTPException, ValueError) as error:
        return shown(getattr(error, "reason", error) or type(error).__name__)
