"""What all tests of the zoo share."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # Tests that run side by side share the processors; torch reads this when it is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
