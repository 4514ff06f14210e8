from __future__ import annotations

import subprocess
import sys

import pytest

from a2ibench.bench.job import Job
from a2ibench.bench.provenance import describe_error, failed_record
from a2ibench.bench.record import Failure, Record
from a2ibench.contracts import Budget, DatasetSpec
from a2ibench.errors import InputError, PluginError
from a2ibench.files import plain


class OutOfMemoryError(RuntimeError):
    """Called as torch calls its own."""


def wrapped(cause: Exception) -> Exception:
    error = PluginError("cannot build")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MemoryError(), "oom"),
        (OutOfMemoryError("CUDA out of memory"), "oom"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "oom"),
        (wrapped(MemoryError()), "oom"),
        (wrapped(ValueError("no")), "error"),
        (RuntimeError("memory of an elephant"), "error"),
    ],
)
def test_running_out_of_memory_is_told_from_other_errors(error: Exception, status: str) -> None:
    assert describe_error(error)[0] == status


def test_messages_are_one_line_and_our_own_errors_need_no_type() -> None:
    assert describe_error(InputError("a: b"))[1].message == "a: b"
    assert describe_error(KeyError("x\ny"))[1].message == "KeyError: 'x\\ny'"
    assert describe_error(MemoryError())[1].message == "MemoryError"


def test_the_record_of_a_failed_job_is_complete() -> None:
    job = Job(DatasetSpec("d", "D", (3.0, 1.0, 1.0)), "gone", 0, "smoke", Budget(steps=1), key="k")
    record = failed_record(job, "timeout", "TimeoutError", "too\nlong", "log")
    assert Record.from_dict(plain(record.to_dict())) == record
    assert record.error == Failure("TimeoutError", "too long", "log")
    assert record.provenance["key"] == "k"
    assert record.provenance["environment"]["python"]


def test_the_peak_of_a_process_covers_what_it_has_freed_but_not_its_parents() -> None:
    code = (
        "import numpy; from a2ibench.bench.device import peak_memory;"
        "before = peak_memory('cpu')['process']; numpy.ones(25_000_000);"
        "print(before, peak_memory('cpu')['process'])"
    )
    # A parent with a large peak, from which a child's own must be told.
    starter = (
        f"import subprocess, sys; x = b'1' * 400_000_000; subprocess.run([sys.executable, '-c', {code!r}])"
    )
    done = subprocess.run([sys.executable, "-c", starter], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before < 200e6 <= after < 400e6
