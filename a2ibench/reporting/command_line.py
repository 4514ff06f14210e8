"""The command that makes a run, or goes on with it, from what its run.json holds."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2ibench.bench.run import Run
from a2ibench.bench.specs import metric_names, reporter_names
from a2ibench.errors import A2IBenchError, printable

_TABLES = {"variants": "variants", "commands": "methods", "environments": "environments"}
_RUN_FILE = "RUN.toml"


@dataclass(frozen=True)
class CommandLine:
    """A command, and what it cannot say.

    Parameters
    ----------
    text : str
        Quoted for a shell.
    note : str
        What to add by hand; empty where nothing is.
    """

    text: str
    note: str = ""


def run_command(
    run: Run, methods: Sequence[str] | None = None, datasets: Sequence[str] | None = None
) -> CommandLine | None:
    """Return the command that continues a run, which repeats it where its folder is another.

    Parameters
    ----------
    run : Run
        The run.
    methods, datasets : sequence of str, optional
        Those whose unfinished jobs are wanted; by default all.

    Returns
    -------
    CommandLine or None
        None where the run does not tell its options, or not as this release does.
    """
    try:
        return _command(run, methods, datasets) if run.options else None
    except (LookupError, TypeError, ValueError, AttributeError):
        return None


def joined_commands(commands: Iterable[CommandLine | None]) -> CommandLine | None:
    """Return commands as one text, a line each; None where there is none."""
    known = [one for one in commands if one is not None]
    if not known:
        return None
    notes = dict.fromkeys(one.note for one in known if one.note)
    return CommandLine("\n".join(one.text for one in known), "; ".join(notes))


def _command(run: Run, methods: Sequence[str] | None, datasets: Sequence[str] | None) -> CommandLine:
    rows = {name for table in _TABLES for name in _table(run, table)}
    wanted = [name for name in run.options.get("methods", ()) if methods is None or name in methods]
    chosen = [one for one in run.options.get("datasets", ()) if datasets is None or one["name"] in datasets]
    words = ["a2ibench", "run"]
    if rows:
        words.append(_RUN_FILE)
    words += ["--methods", ",".join(wanted), *_dataset_words(run, chosen), *_option_words(run)]
    words += ["--out", str(run.folder)]
    return CommandLine(printable(shlex.join(words)), printable("; ".join(_notes(run, chosen))))


def _notes(run: Run, chosen: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    unsaid = [f"[{_TABLES[table]}.{name}]" for table in _TABLES for name in _table(run, table)]
    if unsaid:
        yield f"{_RUN_FILE} is the run file with {', '.join(unsaid)}"
    seeds = list(run.options.get("seeds", ()))
    if seeds != list(range(len(seeds))):
        # Only from Python can seeds be chosen one by one.
        yield f"this run has the seeds {', '.join(map(str, seeds))}, which a2ibench.run(seeds=...) takes"
    if sum(map(_is_input, chosen)) > 1:
        yield "a command takes one --input: give a command for each"


def _table(run: Run, name: str) -> Mapping[str, Any]:
    found = run.options.get(name)
    return found if isinstance(found, Mapping) else {}


def _is_input(dataset: Mapping[str, Any]) -> bool:
    # As `a2ibench.bench.input.input_dataset` makes them: an entry of a catalogue has a title of its own.
    path = dataset.get("path")
    return isinstance(path, str) and dataset.get("title") == Path(path).name


def _dataset_words(run: Run, chosen: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    given = [one for one in chosen if _is_input(one)]
    names = [str(one["name"]) for one in chosen if not _is_input(one)]
    if names:
        yield from ("--datasets", ",".join(names))
    for one in given:
        yield from ("--input", str(one["path"]))
        yield from ("--voxel-size", ",".join(f"{size:g}" for size in one["voxel_size"]))
        if one.get("simulate"):
            yield from ("--simulate", f"{one['simulate']['ratio']:g}")
        if one.get("crop"):
            yield from ("--crop", ",".join(f"{start}:{stop}" for start, stop in one["crop"]))
        if one.get("intensity"):
            yield from ("--intensity", ",".join(f"{level:g}" for level in one["intensity"]))
        for name in ("key", "level"):
            if one.get(name) is not None:
                yield from (f"--{name}", str(one[name]))
    catalogue = run.options.get("catalogue")
    if catalogue and names:
        yield from ("--catalogue", str(catalogue))


def _option_words(run: Run) -> Iterator[str]:
    options = run.options
    seeds = len(options.get("seeds", ()))
    told = {"profile": options.get("profile"), "device": options.get("device")}
    told["seeds"] = seeds if seeds > 1 else None
    told |= {name: options.get(name) for name, default in _DEFAULTS.items() if options.get(name) != default}
    for name, value in told.items():
        if value is not None:
            yield from (f"--{name.replace('_', '-')}", _word(value))
    yield from _choices(options)
    for method, values in (options.get("set") or {}).items():
        for key, value in values.items():
            yield from ("--set", f"{method}.{key}={_word(value)}")
    if options.get("keep_volumes"):
        yield "--keep-volumes"
    if options.get("controls") is False:
        yield "--no-controls"


def _choices(options: Mapping[str, Any]) -> Iterator[str]:
    for name, known in (("metrics", metric_names), ("reporters", reporter_names)):
        if name in options and not _same(options[name], known):
            yield from (f"--{name}", ",".join(map(str, options[name])) or "none")
    if options.get("evaluate") is not None:
        yield from ("--evaluate", ",".join(options["evaluate"]) or "none")


_DEFAULTS = {
    "precision": "auto",
    "budget": None,
    "training_degradation": "matched",
    "executor": "process",
    "timeout": None,
}


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _same(told: Sequence[str], known: Any) -> bool:
    try:
        return set(told) == set(known())
    except A2IBenchError:
        return False
