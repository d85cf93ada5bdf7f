"""VQ Scope as a person starts it, but what trains for a closed tab pauses soon: the next test needs its cores."""

import sys

from app.__main__ import main
from app.stream import road
from vqcore.training.session import Session

if __name__ == "__main__":
    road.AWAKE_SECONDS = 2.0
    assert Session.__init__.__kwdefaults__ is not None
    Session.__init__.__kwdefaults__["idle_pause_seconds"] = 6.0
    sys.exit(main())
