"""What many processes cost for one reconstruction; the figures of docs/reconstruct_on_many_machines.md.

``python docs/studies/many_workers.py scheduler`` hands out pieces that do nothing; ``throughput STACK``
compares two workers of Dask with two processes of ``--part``, one thread each; ``killed STACK --size 1``
reconstructs a stack of that many GiB by two workers, ends all of it twice, and goes on.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from distributed import Client
from large_volumes import GIB, MIB, make_input

import a2ibench
from a2ibench.cluster.client import connected
from a2ibench.cluster.options import ClusterOptions
from a2ibench.data.writing.partial import hidden
from a2ibench.reconstruction import streaming
from a2ibench.reconstruction.distributing import Job, do_pieces, hand_out
from a2ibench.reconstruction.joining import joined
from a2ibench.reconstruction.options import ReconstructOptions
from a2ibench.reconstruction.parts import Done, Part, read_plan
from a2ibench.reconstruction.request import opened

WORKERS = 2


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def cluster() -> AbstractContextManager[Client]:
    """Start workers of one thread, as ``--workers`` does."""
    return connected(ClusterOptions(workers=WORKERS))


def nothing(job: Job, numbers: tuple[int, ...]) -> Done:
    """Do no piece, and say that it took no time."""
    return Done(numbers, {number: {"crc32": 0} for number in numbers}, {}, 0.0)


def rss() -> float:
    """Return the memory of this process in MiB."""
    return psutil.Process().memory_info().rss / MIB


def scheduler(counts: list[int]) -> None:
    """Print what handing out costs for each piece, and what the scheduler holds."""
    job = Job("0", "in.tif", Path("out.zarr"), ReconstructOptions(method="cubic", voxel_size=(50, 15, 15)))
    say("pieces, ms each, CPU ms each here, MiB of the scheduler before and at most, tasks it knows at most")
    with cluster() as client:
        hand_out(client, nothing, job, range(50), lambda done: None, seconds=0)
        for count in counts:
            before, most, known, seen = client.run_on_scheduler(rss), 0.0, 0, 0
            every = max(1, count // 20)

            def take(done: Done, every: int = every) -> None:
                nonlocal most, known, seen
                seen += len(done.numbers)
                if seen % every == 0:
                    most = max(most, client.run_on_scheduler(rss))
                    known = max(
                        known, client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
                    )

            began, used = time.perf_counter(), time.process_time()
            hand_out(client, nothing, job, range(count), take, seconds=0)
            each, cpu = time.perf_counter() - began, time.process_time() - used
            say(
                f"{count}, {1000 * each / count:.2f}, {1000 * cpu / count:.2f}, {before:.0f}, {most:.0f}, "
                f"{known}"
            )


def part_rounds(
    source: Path, target: Path, options: ReconstructOptions, part: Part, rounds: int, barrier: Any, told: Any
) -> None:
    """Do a part again and again, whenever all are ready."""
    with opened(source, target, options) as request, joined(request) as pieces:
        numbers = part.share(len(pieces.blocks))
        for _ in range(rounds):
            barrier.wait()
            pieces.do(numbers)
            barrier.wait()
            pieces.withdraw(numbers)
    told.put(psutil.Process().memory_info().rss / MIB)


def throughput(stack: Path, size: float, method: str, rounds: int, most: int | None) -> None:
    """Print the seconds of both ways in turn, and the median of their ratios."""
    os.environ["OMP_NUM_THREADS"] = "1"
    if most:
        streaming.VOXELS = streaming.AXIAL_VOXELS = most
    with tempfile.TemporaryDirectory(dir=os.environ.get("STUDY_TMP")) as name:
        folder = Path(name)
        source, target = make_input(stack, folder, size), folder / "out.ome.zarr"
        given: dict[str, Any] = {"method": method, "device": "cpu", "save_checkpoint": False}
        if method != "cubic":
            given |= {"profile": "quick", "budget": "20steps"}
        a2ibench.reconstruct_file(source, target, prepare=True, **given)
        options = ReconstructOptions(**given)
        with opened(source, target, options) as request:
            plan, shape = read_plan(request.volumes.places.scratch), request.volumes.shape
            boxes = [] if plan is None else list(plan.pieces(shape))
            count = len(boxes)
        say(f"{method}: output {shape}, {count} pieces of {boxes[0][1]}")
        context = multiprocessing.get_context("spawn")
        barrier, told = context.Barrier(WORKERS + 1), context.Queue()
        parts = [
            context.Process(
                target=part_rounds,
                args=(source, target, options, Part(n + 1, WORKERS), rounds + 1, barrier, told),
            )
            for n in range(WORKERS)
        ]
        for process in parts:
            process.start()
        with cluster() as client:
            job = Job("1", source, target, replace(options, progress=None))

            def by_parts() -> None:
                barrier.wait()
                barrier.wait()

            def by_dask() -> None:
                hand_out(client, do_pieces, job, range(count), lambda done: None)

            def seconds(way: Callable[[], None]) -> float:
                began = time.perf_counter()
                way()
                return time.perf_counter() - began

            ratios = []
            for number in range(rounds + 1):
                parts_took, dask_took = seconds(by_parts), seconds(by_dask)
                # The first loads libraries.
                if number:
                    ratios.append(parts_took / dask_took)
                    say(
                        f"--part {parts_took:.1f} s, Dask {dask_took:.1f} s, "
                        f"throughput of Dask over that of parts {ratios[-1]:.3f}",
                    )
            held = max(client.run(rss).values())
        for process in parts:
            process.join()
        of_parts = max(told.get() for _ in parts)
        say(f"median {statistics.median(ratios):.3f}; MiB of a worker {held:.0f}, of a part {of_parts:.0f}")


def killed(stack: Path, size: float) -> None:
    """Reconstruct by two workers, end all twice, go on; print times and memory."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("STUDY_TMP")) as name:
        folder = Path(name)
        source, target = make_input(stack, folder, size), folder / "out.ome.zarr"
        free = shutil.disk_usage(folder).free
        say(f"input {source.stat().st_size / GIB:.2f} GiB; {free / GIB:.0f} GiB free")
        command = [sys.executable, "-m", "a2ibench", "reconstruct", str(source), str(target)]
        command += ["--method", "cubic", "--workers", str(WORKERS), "--device", "cpu"]
        done, began, peaks = hidden(target) / "done", time.perf_counter(), []
        for share in (0.3, 0.6, 1.0):
            process, peak = psutil.Popen(command, stderr=subprocess.DEVNULL), 0.0
            while process.poll() is None:
                peak = max(peak, largest(process))
                if share < 1 and done.is_file() and listed(done) >= share * blocks(hidden(target)):
                    for one in [*process.children(recursive=True), process]:
                        one.send_signal(signal.SIGKILL)
                time.sleep(0.1)
            peaks.append(peak)
            say(
                f"until {share:.0%}: exit code {process.returncode}, {time.perf_counter() - began:.0f} s, "
                f"largest process {peak:.0f} MiB",
            )
        took = time.perf_counter() - began
        whole = folder / "whole.ome.zarr"
        a2ibench.reconstruct_file(source, whole, "cubic", device="cpu")
        say(f"in all {took:.0f} s; the same as by one process: {same(target, whole)}")


def largest(process: psutil.Popen) -> float:
    """Return the MiB of the largest of a process and those that it started."""
    found = [0.0]
    for one in [process, *process.children(recursive=True)]:
        try:
            found.append(one.memory_info().rss / MIB)
        except psutil.Error:
            continue
    return max(found)


def listed(done: Path) -> int:
    """Return how many blocks are done."""
    return done.read_bytes().count(b"\n")


def blocks(folder: Path) -> int:
    """Return how many blocks there are."""
    state = a2ibench.documents.read_json(folder / "state.json")
    count = 1
    for n, by in zip(state["shape"], state["block"], strict=True):
        count *= -(-n // by)
    return count


def same(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files."""
    files = [{path.relative_to(root) for path in root.rglob("*") if path.is_file()} for root in (one, other)]
    return files[0] == files[1] and all((one / f).read_bytes() == (other / f).read_bytes() for f in files[0])


def main() -> None:
    """Run the study that is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("scheduler")
    one.add_argument("--pieces", default="100,2000,20000", help="how many, comma-separated")
    two = commands.add_parser("throughput")
    two.add_argument("stack", type=Path)
    two.add_argument("--size", type=float, default=1.0, help="GiB of the output")
    two.add_argument("--method", default="cubic")
    two.add_argument("--rounds", type=int, default=5)
    two.add_argument("--most", type=int, help="voxels of a piece; by default as always")
    three = commands.add_parser("killed")
    three.add_argument("stack", type=Path)
    three.add_argument("--size", type=float, default=1.0, help="GiB of the output")
    given = parser.parse_args()
    if given.command == "scheduler":
        scheduler([int(count) for count in given.pieces.split(",")])
    elif given.command == "throughput":
        throughput(given.stack, given.size, given.method, given.rounds, given.most)
    else:
        killed(given.stack, given.size)


if __name__ == "__main__":
    main()
