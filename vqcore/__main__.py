"""`python -m vqcore VERB`."""

import sys

from vqcore.cli import main

if __name__ == "__main__":
    sys.exit(main())
