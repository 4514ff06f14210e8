"""One requirement of the contract, and what came of trying it."""

from __future__ import annotations

import time
import unittest
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from a2ibench.errors import one_line

Subject = TypeVar("Subject", contravariant=True)


class CheckFailed(AssertionError):  # noqa: N818 (it is a verdict)
    """A requirement that is not met; the message says in one line what it is and what was found."""


class CheckSkipped(unittest.SkipTest):
    """A requirement that could not be tried, or that does not apply; the message says why.

    Test runners, pytest included, show it as a skipped test.
    """


@dataclass(frozen=True)
class Check:
    """One requirement. Calling it returns None where the requirement is met.

    Parameters
    ----------
    name : str
        In kebab-case; unique within the checks of one plugin.
    summary : str
        What is required, in one line.
    advice : str
        What to do where it is not met.
    run : callable
        Tries it.

    Raises
    ------
    CheckFailed
        On a call, if the requirement is not met, or the plugin raised what it should not have raised.
    CheckSkipped
        On a call, if it could not be tried or does not apply.
    """

    name: str
    summary: str
    advice: str
    run: Callable[[], None] = field(repr=False)

    def __str__(self) -> str:
        return self.name

    def __call__(self) -> None:
        """Try it."""
        __tracebackhide__ = True
        try:
            self.run()
        except (CheckFailed, CheckSkipped, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise CheckFailed(f"the plugin raised {one_line(error)}") from error


@dataclass(frozen=True)
class CheckResult:
    """What came of one check.

    Parameters
    ----------
    check : Check
        What was tried.
    status : str
        ``"ok"``, ``"failed"`` or ``"skipped"``.
    message : str
        What was found, or why it was skipped; empty where it is ok.
    seconds : float
        How long it took.
    """

    check: Check
    status: str
    message: str
    seconds: float


def judge(check: Check) -> CheckResult:
    """Run a check and return what came of it; nothing but Ctrl-C stops it."""
    start = time.perf_counter()
    status, message = "ok", ""
    try:
        check()
    except CheckFailed as failed:
        status, message = "failed", str(failed)
    except CheckSkipped as skipped:
        status, message = "skipped", str(skipped)
    return CheckResult(check, status, " ".join(message.split()), time.perf_counter() - start)


@dataclass(frozen=True)
class Rule(Generic[Subject]):
    """A requirement on any plugin of a kind; `on` makes it a check of one plugin."""

    name: str
    summary: str
    advice: str
    function: Callable[[Subject], None]

    def on(self, subject: Subject) -> Check:
        """Return the check of one plugin."""
        return Check(self.name, self.summary, self.advice, lambda: self.function(subject))


def rule(summary: str, advice: str) -> Callable[[Callable[[Subject], None]], Rule[Subject]]:
    """Make a function a `Rule`, which is named like the function."""

    def make(function: Callable[[Subject], None]) -> Rule[Subject]:
        return Rule(function.__name__.strip("_").replace("_", "-"), summary, advice, function)

    return make
