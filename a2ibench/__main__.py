"""Run the command line as ``python -m a2ibench``."""

from __future__ import annotations

import sys

from a2ibench.cli import main

if __name__ == "__main__":
    sys.exit(main())
