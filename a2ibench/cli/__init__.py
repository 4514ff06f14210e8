"""The command line: each command is a thin call of one core function."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from a2ibench.cli.app import app
from a2ibench.cli.codes import ExitCode
from a2ibench.cli.errors import CommandLineError, say_error, say_traceback
from a2ibench.cli.streams import drop_output, prepare_streams, written_out
from a2ibench.errors import A2IBenchError, one_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; whatever is wrong is one line on stderr.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; by default taken from ``sys.argv``.

    Returns
    -------
    int
        One of `ExitCode`.
    """
    prepare_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = _take_debug(words)
    try:
        code = int(app(words, prog_name="a2ibench", standalone_mode=False) or ExitCode.OK)
    except (KeyboardInterrupt, typer.Abort):
        code = int(ExitCode.INTERRUPTED)
    except SystemExit as leave:
        # How click leaves when nobody reads the output any more.
        if not isinstance(leave.__context__, BrokenPipeError):
            raise
        drop_output()
        code = int(ExitCode.OUTPUT_CLOSED)
    except BrokenPipeError:
        drop_output()
        code = int(ExitCode.OUTPUT_CLOSED)
    except (A2IBenchError, OSError, CommandLineError) as error:
        if debug:
            say_traceback()
        say_error(error)
        code = int(ExitCode.BAD_INPUT)
    except Exception as error:
        if debug:
            say_traceback()
        say_error(f"{one_line(error)}; --debug shows where it came from")
        code = int(ExitCode.SOME_FAILED)
    if code == ExitCode.INTERRUPTED:
        say_error("interrupted")
    return written_out(code)


def _take_debug(words: list[str]) -> bool:
    # An option of the application that may also follow the command, where people append it.
    asked = "--debug" in words
    words[:] = [word for word in words if word != "--debug"]
    return asked or os.environ.get("A2IBENCH_DEBUG", "") not in ("", "0")
