"""Plugins that end the process of their checks, interrupt it or hang in it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from importlib.metadata import Distribution

import psutil
import pytest

HOOKS = """
{head}
from a2ibench import MetricSpec, hookimpl

@hookimpl
def a2ibench_register_metrics(register):
    register(MetricSpec("odd", "odd.metrics:Odd", "an odd metric"))
"""

METRIC = """
import os
import sys
import time
import numpy as np


class Odd:
    name, version, higher_is_better, needs_reference = "odd", 1, False, True

    def __call__(self, prediction, reference, data_range):
        if prediction.dtype == np.uint16:
            {statement}
        return float(np.square(prediction.astype(np.float64) - reference).mean())
"""

SLEEPS = ["sleep", "98321"]
DAEMON = f"__import__('subprocess').Popen({SLEEPS}, start_new_session=True); "

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (DAEMON + "os._exit(0)", "the plugin ended the process with code 0"),
        pytest.param(
            "os.kill(os.getpid(), 9)",
            "the plugin was killed by signal 9 (SIGKILL)",
            marks=pytest.mark.slow,
        ),
        pytest.param("sys.exit(0)", "the plugin raised SystemExit: 0", marks=pytest.mark.slow),
        ("raise KeyboardInterrupt", "the plugin raised KeyboardInterrupt"),
        pytest.param(
            "time.sleep(99)", "the plugin took more than 5 s and was stopped", marks=pytest.mark.slow
        ),
    ],
)
def test_it_fails_the_check_and_the_others_go_on(
    statement: str, told: str, install_plugin: Callable[..., Distribution], cli: Cli
) -> None:
    install_plugin("odd", HOOKS.format(head=""), files={"metrics.py": METRIC.format(statement=statement)})
    done = cli("plugin", "check", "odd", "--timeout", "5" if "sleep(" in statement else "60")
    assert done.returncode == 1
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    # Two checks hand over 16 bits.
    assert [line for line in lines if told in line] == [
        f"FAILED {n} {told}" for n in ("returns-float", "dtypes")
    ]
    assert any(line.startswith("ok determinism") for line in lines)
    assert lines[-1].startswith("14 checks: ")
    assert "Traceback" not in done.stdout
    # What a plugin started ends with its checks, in whatever session it is.
    assert [
        process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == SLEEPS
    ] == []


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("import os; os._exit(0)", "plugin odd (distribution odd 1.0) failed: ended the process with code 0"),
        ("import time; time.sleep(99)", "odd: took more than 6 s and was stopped while plugins were loaded"),
    ],
)
def test_a_plugin_that_ends_or_hangs_where_it_is_imported(
    head: str, said: str, install_plugin: Callable[..., Distribution], cli: Cli
) -> None:
    install_plugin("odd", HOOKS.format(head=head), files={"metrics.py": METRIC.format(statement="pass")})
    done = cli("plugin", "check", "odd", "--timeout", "6")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("a2ibench: error: ")
    assert said in done.stderr
