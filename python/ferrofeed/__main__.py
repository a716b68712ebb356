"""``python -m ferrofeed``."""

import sys

from ferrofeed.cli import main

if __name__ == "__main__":
    sys.exit(main())
