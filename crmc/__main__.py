"""Run the command line of crmc as ``python -m crmc``."""

import sys

from crmc.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
