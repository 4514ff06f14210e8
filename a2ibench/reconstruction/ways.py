"""The ways to a reconstruction: one process, a part of it, or workers of a cluster."""

from __future__ import annotations

from pathlib import Path

from a2ibench.bench.options import check_option
from a2ibench.cluster.options import ClusterOptions
from a2ibench.errors import OptionError
from a2ibench.reconstruction.joining import PartDone, reconstruct_part
from a2ibench.reconstruction.options import ReconstructOptions
from a2ibench.reconstruction.outlook import Told, unsaid
from a2ibench.reconstruction.reconstruct import Written, reconstruct_between


def reconstruct_somehow(
    source: str | Path,
    target: Path,
    options: ReconstructOptions,
    *,
    command: str | None = None,
    told: Told = unsaid,
    dry_run: bool = False,
) -> Written | PartDone:
    """Reconstruct a stack in the way that the options ask for; see `a2ibench.reconstruct_file`.

    Parameters
    ----------
    source, target, options, command, told, dry_run
        As for `reconstruct_between`.

    Raises
    ------
    InputError
        If the stack or an option cannot be used, or the output cannot be written.
    """
    part, cluster = check_option("part", options), _cluster(options)
    ways = {
        "{prepare}": options.prepare,
        "{part}": part is not None,
        "{finish}": options.finish,
        "{scheduler}, {workers} or {cluster}": cluster is not None,
    }
    given = [name for name, asked in ways.items() if asked]
    if len(given) > 1:
        raise OptionError(f"{given[0]} and {given[1]}: each is a way of its own; give one of them")
    if part is not None and not dry_run:
        return reconstruct_part(source, target, options, part)
    if cluster is None or dry_run:
        return reconstruct_between(source, target, options, command=command, told=told, dry_run=dry_run)
    from a2ibench.reconstruction.distributing import distributing

    distribute = distributing(cluster, source, target, options)
    return reconstruct_between(source, target, options, command=command, told=told, distribute=distribute)


def _cluster(options: ReconstructOptions) -> ClusterOptions | None:
    scheduler, workers, file = (check_option(name, options) for name in ("scheduler", "workers", "cluster"))
    if scheduler is None and workers is None and file is None:
        return None
    return ClusterOptions(scheduler, workers, None if file is None else file.absolute())
