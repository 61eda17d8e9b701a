"""``python -m aislewatch``: the same as the command ``aislewatch``."""

import sys

from aislewatch.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
