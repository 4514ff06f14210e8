"""Downloads that go on where they stopped: files, members of archives, crops of remote volumes."""

from __future__ import annotations
