"""What `vqscope watch` does with news, whatever it watches: prints it, and posts what turned severe."""

import argparse
import sys
import time
from collections.abc import Callable, Iterable

from vqcore.runs import webhook
from vqcore.runs.following import Alert


class Teller:
    """Prints lines unless JSON is asked for, and remembers the alerts.

    Raises:
        ValueError: if `--webhook` is no address.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._is_quiet = bool(options.json)
        self._address = None if options.webhook is None else webhook.checked_address(options.webhook)
        self.alerts: list[Alert] = []

    def tell(self, lines: Iterable[str]) -> None:
        """Print them at once."""
        if not self._is_quiet:
            print("\n".join(lines), flush=True)

    def alarm(self, alert: Alert) -> None:
        """Post it to the webhook, if there is one."""
        self.alerts.append(alert)
        failure = "" if self._address is None else webhook.post(self._address, alert)
        if failure:
            print(failure, file=sys.stderr, flush=True)


def look_until_stopped(look: Callable[[], None], seconds: float | None, *, has_news: Callable[[], bool]) -> None:
    """Call `look` again and again, once if `seconds` is None, until Ctrl-C; before there were news, that is an error.

    Raises:
        KeyboardInterrupt: by Ctrl-C before there were any.
    """
    try:
        look()
        while seconds is not None:
            time.sleep(seconds)
            look()
    except KeyboardInterrupt:
        if not has_news():
            raise
        print("stopped watching; the training goes on.", file=sys.stderr)
