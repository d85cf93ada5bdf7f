"""VQ Scope as a person starts it, but with room for one session: the next one ends it."""

import sys

from app.__main__ import main
from app.sessions import registry as services

if __name__ == "__main__":
    services.MOST_SESSIONS = 1
    sys.exit(main())
