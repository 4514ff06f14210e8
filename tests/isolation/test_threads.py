"""A process goes on where the thread that started it has ended, since that is not the end of its parent."""

from __future__ import annotations

import sys
from threading import Thread

from a2ibench.isolation.supervised import Supervised


def test_a_process_outlives_the_thread_that_started_it() -> None:
    started: list[Supervised] = []

    def start() -> None:
        started.append(Supervised([sys.executable, "-c", "import sys; print(sys.stdin.read())"], stderr=None))

    thread = Thread(target=start)
    thread.start()
    thread.join()
    (process,) = started
    assert not process.ended(0.5)
    process.stdin.write(b"still here")
    process.stdin.close()
    assert process.stdout.read() == b"still here\n"
    assert process.returncode == 0
    process.stop()
