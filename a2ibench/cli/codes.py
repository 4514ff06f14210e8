"""Exit codes of the command line."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a script can tell from the exit code."""

    OK = 0
    """Everything asked for was done; skipped jobs count as done."""
    BROKEN = 1
    """A comparison or a check came out negative."""
    BAD_INPUT = 2
    """Wrong usage or input that cannot be used; nothing was run."""
    SOME_FAILED = 3
    """Some jobs, metrics, reports or downloads failed, or something that nobody foresaw."""
    INTERRUPTED = 130
    """Stopped with Ctrl-C; finished jobs are kept."""
    OUTPUT_CLOSED = 141
    """Whoever read the output closed it before its end, as ``head`` does; as if ended by SIGPIPE."""
