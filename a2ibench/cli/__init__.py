"""The command line: each command is a thin call of one core function."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer

from a2ibench.cli.app import app
from a2ibench.cli.errors import (
    CommandLineError,
    ExitCode,
    InterruptedElsewhereError,
    drop_output,
    prepare_streams,
    say_error,
    say_traceback,
    written_out,
)
from a2ibench.errors import A2IBenchError, one_line
from a2ibench.isolation import ProcessEnded, is_ctrl_c, no_exit, origin, watched_interrupts


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
        code = _run(words)
    except BrokenPipeError:
        drop_output()
        code = int(ExitCode.OUTPUT_CLOSED)
    except (KeyboardInterrupt, typer.Abort, InterruptedElsewhereError):
        code = int(ExitCode.INTERRUPTED)
    except Stopped as stopped:
        if debug:
            say_traceback()
        say_error(f"{stopped}; a plugin, most likely: see a2ibench doctor")
        code = int(ExitCode.SOME_FAILED)
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


class Stopped(Exception):  # noqa: N818 (it is what happened, and no error of ours)
    """Code that is not ours tried to end the program."""


def _run(words: list[str]) -> int:
    with watched_interrupts(), no_exit():
        try:
            code = int(
                app(words, prog_name="a2ibench", standalone_mode=False, obj=tuple(words)) or ExitCode.OK
            )
        except (SystemExit, ProcessEnded) as error:
            # click, too, ends the program where its output cannot be written.
            if isinstance(error.__context__, BrokenPipeError):
                raise error.__context__ from None
            raise Stopped(f"the program was ended: {one_line(error)} {origin(error)}") from error
        except KeyboardInterrupt as error:
            if is_ctrl_c():
                raise
            raise Stopped(
                f"KeyboardInterrupt was raised {origin(error)}, but nobody pressed Ctrl-C"
            ) from error
        except Exception:
            raise
        except BaseException as error:
            raise Stopped(f"the program was ended: {one_line(error)} {origin(error)}") from error
        # typer returns the code in place of a KeyboardInterrupt.
        if code == ExitCode.INTERRUPTED and not is_ctrl_c():
            raise Stopped("KeyboardInterrupt was raised, but nobody pressed Ctrl-C")
        return code


def _take_debug(words: list[str]) -> bool:
    # An option of the application that may also follow the command, where people append it.
    asked = "--debug" in words
    words[:] = [word for word in words if word != "--debug"]
    return asked or os.environ.get("A2IBENCH_DEBUG", "") not in ("", "0")
