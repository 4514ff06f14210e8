"""The options of a run: for command line, run files, Python and docs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench.bench.executors import EXECUTORS
from a2ibench.bench.input import input_dataset, local_stack, with_input
from a2ibench.bench.job import REPORT_PLANES
from a2ibench.bench.option import Option as Option
from a2ibench.bench.option import check_option as check_option
from a2ibench.bench.option import options_of as options_of
from a2ibench.bench.option_checks import (
    cluster_of,
    executor_of,
    levels_of,
    planes_of,
    ratio_of,
    retries_of,
    seeds_of,
    timeout_of,
)
from a2ibench.bench.shared_options import (
    BUDGET,
    CATALOGUE,
    CHECKPOINT_EVERY,
    CROP,
    DEVICE,
    INTENSITY,
    KEY,
    LEVEL,
    PRECISION,
    PROFILE,
    SETTINGS,
    VOXEL_SIZE,
    checked_folder,
    naming,
)
from a2ibench.bench.specs import (
    ALL,
    Settings,
    evaluation_names,
    find_datasets,
    method_names,
    metric_names,
    named_rows,
    one_of,
    reporter_names,
)
from a2ibench.bench.variants import checked_variants, read_variants
from a2ibench.cluster.options import check_scheduler, check_workers
from a2ibench.contracts import Budget, DatasetSpec
from a2ibench.data.bounds import Bounds
from a2ibench.data.catalogue import voxel_size
from a2ibench.data.spacing import VoxelSize
from a2ibench.external.command import checked_commands, read_commands
from a2ibench.external.environments import checked_environments, read_environments
from a2ibench.protocol.profiles import TRAINING_DEGRADATIONS
from a2ibench.values import boolean, literal, names, number, path, rising, whole

if TYPE_CHECKING:
    from a2ibench.bench.executors.events import Events


def _datasets(
    names: str | Sequence[str] | None, catalogue: Path | None, given: DatasetSpec | None
) -> tuple[DatasetSpec, ...]:
    others = () if names is None and given is not None else find_datasets(names, catalogue)
    return with_input(given, others)


Environments = Mapping[str, Mapping[str, Any]] | Sequence[str]
_ROWS = ("variants", "commands", "environments")


# Every start of the command line makes these classes, and methods that nobody calls take time.
@dataclass(frozen=True, repr=False, eq=False)
class RunOptions:
    """What a run is asked for; see `a2ibench.run`."""

    methods: str | Sequence[str] = Option(
        "Methods to compare; all by default.",
        "all|A,B",
        doc='Names, or ``"all"``.',
        key=names,
        check=method_names,
        needs=_ROWS,
    ).default(ALL)
    datasets: str | Sequence[str] | None = Option(
        "Datasets; by default every one that needs no download.",
        "all|D1,D2",
        doc='Names, or ``"all"``; by default every one that needs no download.',
        key=names,
        check=_datasets,
        needs=("catalogue", "input"),
    ).default()
    _: KW_ONLY
    input: str | Path | None = Option(
        "Stack to run on, a file or folder, without a catalogue; {datasets} adds others.",
        "STACK",
        Path,
        doc="File or folder of a stack to run on, without a catalogue; `datasets` adds others.",
        key=path,
        check=lambda place, *told: input_dataset(local_stack(place), *told),
        needs=("voxel_size", "simulate", "key", "level", "crop", "intensity"),
    ).default()
    voxel_size: str | VoxelSize | None = VOXEL_SIZE.default(
        help="Of {input}: nanometres, or with units as in 50nm,4.6nm,4.6nm; by default as its metadata say.",
        key=voxel_size,
    )
    simulate: float | None = Option(
        "Make an anisotropic input of {input}, which is isotropic, at this ratio, and score with it.",
        "RATIO",
        float,
        doc="Make an anisotropic input of `input`, which is isotropic, at this ratio, and score with it.",
        key=number("a ratio above 1", lambda value: 1 < value < math.inf),
        check=ratio_of,
    ).default()
    key: str | None = KEY.default(
        help="Of {input}: dataset or array within, where there are several.", key=literal
    )
    level: int | None = LEVEL.default(help="Of {input}: resolution; 0, the finest, by default.", key=whole(0))
    crop: str | Bounds | Sequence[slice] | None = CROP.default(
        help="Of {input}: these voxels only; a bare : is a whole axis.",
        doc="The voxels of `input` to use: three slices, or start and stop along (z, y, x), None for the "
        "volume's own end.",
        key=literal,
    )
    intensity: tuple[float, float] | None = INTENSITY.default(
        help="Of {input}: grey levels that map to 0 and 1; by default found from the voxels.",
        doc="Values of `input` that map to 0 and 1, by default as `reconstruct_file` finds them.",
        key=rising(number("a finite number"), "[low, high], low below high"),
        check=naming("intensity", levels_of),
    )
    catalogue: str | Path | None = CATALOGUE.default()
    profile: str | None = PROFILE.default()
    seeds: int | Sequence[int] = Option(
        "Repeat each job with seeds 0 to N-1; 1 by default.",
        "N",
        int,
        doc="How many, counted from 0, or which.",
        key=whole(1),
        check=seeds_of,
    ).default(1)
    device: str = DEVICE.default("auto")
    precision: str = PRECISION.default("auto")
    budget: str | Budget | None = BUDGET.default()
    executor: str = Option(
        "A process for each job (the default), all in this one, or processes on workers of Dask.",
        "|".join(EXECUTORS),
        doc='``"process"``, one for each job, ``"inline"``, all in this one, or ``"dask"``, one for '
        "each on several workers.",
        key=literal,
        check=executor_of,
        needs=("cluster",),
    ).default("process")
    scheduler: str | None = Option(
        "Address of a running Dask scheduler, whose workers run the jobs.",
        "ADDRESS",
        doc='Address of a Dask scheduler whose workers run the jobs, such as ``"tcp://node1:8786"``.',
        key=literal,
        check=check_scheduler,
    ).default()
    workers: int | None = Option(
        "Run jobs on so many workers of Dask on this machine, or of those that {cluster} allows.",
        "N",
        int,
        doc="How many workers of Dask on this machine run jobs, or how many of those that `cluster` allows.",
        key=whole(1),
        check=check_workers,
    ).default()
    cluster: str | Path | None = Option(
        "A TOML file with the Dask cluster that runs the jobs, such as one on SLURM.",
        "FILE",
        Path,
        key=path,
        check=cluster_of,
        needs=("scheduler", "workers"),
    ).default()
    retries: int = Option(
        "How often a job that failed is tried again at once; 0 by default.",
        "N",
        int,
        key=whole(0),
        check=retries_of,
    ).default(0)
    training_degradation: str = Option(
        "What networks learn to undo: what made the volume (the default), or what each was published with.",
        "|".join(TRAINING_DEGRADATIONS),
        doc='``"matched"``, what made the volume, or ``"own"``, what each method was published with.',
        key=literal,
        check=lambda name: one_of("training_degradation", name, TRAINING_DEGRADATIONS),
    ).default("matched")
    checkpoint_every: str | float = CHECKPOINT_EVERY.default("60s")
    variants: Mapping[str, Mapping[str, Any]] | None = Option(
        "Further rows of methods, with settings of their own.",
        doc='Further rows, as ``{name: {"method": method, key: value}}``: a method with settings of its own, '
        "under a name of its own. A list of values gives a row for each.",
        key=read_variants,
        check=checked_variants,
        needs=("environments",),
    ).default()
    commands: Mapping[str, Mapping[str, Any]] | None = Option(
        "Programs that stand for methods.",
        doc='Further rows, as ``{name: {"command": text}}``: programs that read the anisotropic volume from '
        "``{input}`` and write the isotropic one to ``{output}``.",
        key=read_commands,
        check=checked_commands,
    ).default()
    environments: Environments | None = Option(
        "Run a method in another Python; repeatable.",
        "METHOD=PYTHON",
        list,
        doc="Methods that run in another Python, as ``METHOD=PYTHON`` each, or as "
        '``{name: {"python": path, "methods": [...]}}``.',
        key=read_environments,
        check=checked_environments,
    ).default()
    settings: Settings | None = SETTINGS.default(needs=("methods", *_ROWS, "metrics"))
    timeout: float | None = Option(
        "Stop a job that takes longer.",
        "SECONDS",
        float,
        doc="Seconds after which a job is stopped.",
        key=number("a positive number of seconds", lambda value: 0 < value < math.inf),
        check=timeout_of,
        needs=("executor",),
    ).default()
    reporters: str | Sequence[str] | None = Option(
        "What writes about the run in the end; all by default.",
        "all|none|A,B",
        doc='Names of reporters, such as ``"tables"`` and ``"figures"``, or ``"none"``; by default all.',
        key=names,
        check=reporter_names,
    ).default()
    keep_volumes: bool = Option(
        "Keep each job's reconstruction, as volume.ome.zarr in its folder.",
        type=bool,
        key=boolean,
    ).default(False)
    remove: str | Sequence[str] | None = Option(
        "Move rows aside, into removed/ in the folder of the run: of methods, or single jobs.",
        "A,B|DATASET--METHOD--sN",
        doc="Rows to move aside, into ``removed/`` in the folder of the run: names of methods, or of single "
        "jobs as ``DATASET--METHOD--sN``. Nothing is run unless `methods`, `datasets`, `input`, `variants`, "
        "`commands` or `environments` are given, too.",
        key="every run of it would remove them; give {remove:NAMES} on the command line",
        check=named_rows,
    ).default()
    out: str | Path | None = Option(
        "Folder of this run; by default one in reports/ named after the options.",
        "DIR",
        Path,
        key=path,
        check=checked_folder,
    ).default()
    fresh: bool = Option(
        "Start over; keep the earlier run as DIR.1.",
        type=bool,
        key="every run of it would start over; give {fresh:True} on the command line",
    ).default(False)
    metrics: str | Sequence[str] | None = Option(
        "Names; by default all but those that run on request.",
        "A,B|all",
        key=names,
        check=metric_names,
    ).default()
    evaluate: str | Sequence[str] | None = Option(
        "How methods are scored without a reference, or none; by default what datasets state: in-plane for "
        "those that have no reference.",
        "in-plane,reduced-resolution",
        key=names,
        check=evaluation_names,
    ).default()
    controls: bool = Option(
        "Score the controls of each dataset, too, once: nearest, linear, smoothed and ceiling.",
        type=bool,
        off="Leave the controls out: nearest, linear, smoothed and ceiling.",
        key=boolean,
    ).default(True)
    report_planes: int = Option(
        "Planes in each direction that jobs keep to be looked at in reports; 9 by default, 0 for none.",
        "N",
        int,
        key=whole(0),
        check=planes_of,
    ).default(REPORT_PLANES)
    events: Events | None = Option("Told how the run goes.").default()


def asks_for_jobs(options: RunOptions) -> bool:
    """Whether anything that is to be run is named; without that, `remove` is all that is done."""
    rows = (options.variants, options.commands, options.environments)
    named = (options.datasets, options.input, *rows)
    return options.methods != ALL or any(value is not None for value in named)


COMMAND_ONLY: Mapping[str, Option] = {
    "dry_run": Option(
        "Show what would be done and how long it may take; do nothing.",
        type=bool,
        key="give {dry_run:True} on the command line",
    ),
    "follow": Option(
        "Attach to a run that is under way in this folder, and end with it, with its exit code.",
        "DIR",
        Path,
        key="give {follow:DIR} on the command line",
    ),
    "json": Option("With {dry_run:True}: print JSON.", type=bool, key="give {json:True} on the command line"),
}
"""What the command line of a run has beyond `RunOptions`."""
