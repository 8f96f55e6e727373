"""``python -m crmc`` is the same as ``crmc``."""

import sys

from crmc.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
