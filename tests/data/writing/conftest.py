"""Other processes that write the same outputs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = str(Path(__file__).parent)
# Tests are imported by their path; what they share is a module of its own.
sys.path.append(FOLDER)


@pytest.fixture
def child():
    """Start Python code in another process, with what the tests share at hand."""
    started = []

    def child(code, *arguments, before=(), **options):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [*before, sys.executable, "-c", f"from written import *\n{code}", *map(str, arguments)]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
        )
        started.append(process)
        return process

    yield child
    for process in started:
        process.kill()
        process.communicate()


# Nobody but the processes within sees the mount; it ends with them, and takes no rights to make.
MOUNT = 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"'
RAISES = """
import contextlib, os, sys
from a2ibench.errors import InputError
@contextlib.contextmanager
def raises(*lines):
    try:
        yield
    except InputError as error:
        assert any(line in str(error) for line in lines) and "\\n" not in str(error), error
    else:
        raise AssertionError("nothing was raised")
folder = Path(sys.argv[1])
"""


@pytest.fixture
def mounted(tmp_path, child):
    """Run code, in another process, that has a file system of its own with the given options."""

    def mounted(options):
        folder = tmp_path / "disk"
        folder.mkdir()
        before = ["unshare", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh", options, str(folder)]
        tried = shutil.which(before[0]) and subprocess.run([*before, "true"], capture_output=True)
        if not tried or tried.returncode:
            pytest.skip("a file system cannot be mounted here")

        def run(code):
            process = child(RAISES + code, folder, before=before)
            _, messages = process.communicate()
            assert process.returncode == 0, messages

        return folder, run

    return mounted


# A process that has everything imported starts another one for each line it reads.
FORKS = """
import json, sys, traceback
import h5py, mrcfile, tifffile, zarr
import written
written.noise(written.LARGE, "uint8")
print("ready", flush=True)
for line in sys.stdin:
    name, *arguments = json.loads(line)
    process = os.fork()
    if not process:
        try:
            getattr(written, name)(*arguments)
        except Exception:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(process, flush=True)
    next(sys.stdin)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""


@pytest.fixture
def fork(child):
    """Call a shared function in a process of its own; return its number, and what waits for its end."""
    forks = child(FORKS, stdin=subprocess.PIPE)
    assert forks.stdout.readline() == "ready\n"

    def asked(line):
        print(line, file=forks.stdin, flush=True)
        return int(forks.stdout.readline())

    def fork(*call):
        process = asked(json.dumps(call))
        # Until it is waited for, its number is nobody else's.
        return process, lambda: asked("")

    return fork
