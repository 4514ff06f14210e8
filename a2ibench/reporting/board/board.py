"""The board: index.html, which opens by itself, and board.json, from bundles and their entries."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from a2ibench import __version__
from a2ibench.bench.bundle.checks import check_consistency
from a2ibench.bench.bundle.reading import Bundle, opened
from a2ibench.bench.record import Record
from a2ibench.bench.run import METRICS, metric_order
from a2ibench.errors import InputError
from a2ibench.files import plain, write_bytes, write_json
from a2ibench.registry import host
from a2ibench.reporting.board.entries import STATUSES, Entry
from a2ibench.reporting.page.page import asset, inline, policy_of

PAGE, DATA = "index.html", "board.json"
_ASSETS = "assets"
_DIGITS = 5

_Column = tuple[str, Any, str]
"""A metric, its version, and its settings as text."""


@dataclass(frozen=True)
class Listed:
    """An entry, and what of its bundle is on the board.

    Parameters
    ----------
    entry : Entry
        The entry.
    sha256 : str
        Of the bundle.
    protocol_versions : tuple of int
        Of its records.
    plugins : mapping of str to list of str
        Versions by distribution.
    records : tuple of Record
        Those that are ok.
    """

    entry: Entry
    sha256: str
    protocol_versions: tuple[int, ...]
    plugins: Mapping[str, Sequence[str]]
    records: tuple[Record, ...]


def listed(entry: Entry) -> Listed:
    """Check the bundle of an entry, and return what of it is on the board.

    Raises
    ------
    InputError
        If it is no bundle, was edited, or does not agree with itself.
    """
    with opened(entry.bundle) as bundle:
        check_consistency(bundle)
        return _listed(entry, bundle)


def _listed(entry: Entry, bundle: Bundle) -> Listed:
    return Listed(
        entry,
        hashlib.sha256(entry.bundle.read_bytes()).hexdigest(),
        tuple(bundle.manifest["protocol_versions"]),
        bundle.manifest["plugins"],
        tuple(record for record in bundle.run.records if record.ok),
    )


def write_board(entries: Sequence[Entry], out: Path) -> list[Path]:
    """Write index.html and board.json into a folder.

    Parameters
    ----------
    entries : sequence of Entry
        As `read_entries` gives them.
    out : Path
        Made if need be.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If a bundle cannot be on the board, or there is none.
    """
    if not entries:
        raise InputError("board: there is no entry; give bundles, and list them in the file of entries")
    model = board_model([listed(entry) for entry in entries])
    out.mkdir(parents=True, exist_ok=True)
    page = write_bytes(out / PAGE, board_page(model).encode("utf-8", "backslashreplace"))
    write_json(out / DATA, {"format": "a2ibench-board", "format_version": 1, **model})
    return [page, out / DATA]


def board_model(board: Sequence[Listed]) -> dict[str, Any]:
    """Return what is on a board, of JSON's types: entries, and a table for what may share one.

    Records share a table where protocol version, profile and dataset are the same, the dataset by its
    checksum or, of a generated one, its definition. Scores of different versions or settings of a metric
    stand in columns of their own.
    """
    tables: dict[tuple[int, str, str, str], list[tuple[Listed, Record]]] = {}
    for one in board:
        for record in one.records:
            tables.setdefault(_place(record), []).append((one, record))
    ordered = sorted(tables, key=lambda place: (-place[0], *place[1:]))
    content: dict[str, Any] = plain(
        {
            "made_by": __version__,
            "entries": [
                {
                    **asdict(one.entry),
                    "bundle": one.entry.bundle.name,
                    "sha256": one.sha256,
                    "protocol_versions": one.protocol_versions,
                    "plugins": one.plugins,
                }
                for one in board
            ],
            "tables": [_table(place, tables[place]) for place in ordered],
        }
    )
    return content


def _place(record: Record) -> tuple[int, str, str, str]:
    told = record.provenance.get("dataset")
    dataset = told if isinstance(told, Mapping) else {}
    definition = dataset.get("definition") or {}
    generated = isinstance(definition, Mapping) and definition.get("phantom")
    identity = [definition, dataset.get("simulation"), None if generated else dataset.get("sha256")]
    digest = hashlib.sha256(json.dumps(plain(identity), sort_keys=True).encode()).hexdigest()[:12]
    return record.protocol_version or 0, record.dataset, str(record.provenance.get("profile")), digest


def _table(place: tuple[int, str, str, str], jobs: Sequence[tuple[Listed, Record]]) -> dict[str, Any]:
    protocol, dataset, profile, digest = place
    rows: dict[tuple[str, str], list[tuple[Listed, Record]]] = {}
    for one, record in jobs:
        rows.setdefault((one.entry.name, record.method), []).append((one, record))
    columns = _columns([record for _, record in jobs])
    names = [name for name, _, _ in columns]
    table: dict[str, Any] = {
        "protocol_version": protocol,
        "dataset": dataset,
        "profile": profile,
        "identity": digest,
        "columns": [
            {
                "metric": name,
                "version": version,
                "settings": json.loads(settings),
                "heading": name if names.count(name) == 1 else f"{name} (version {version})",
                "higher_is_better": host().higher_is_better(name),
                "more": name not in METRICS[:3],
            }
            for name, version, settings in columns
        ],
        "rows": [_row(members, columns) for members in rows.values()],
    }
    _sort(table)
    return table


def _columns(records: Sequence[Record]) -> list[_Column]:
    found = {_column(name, score) for record in records for name, score in record.metrics.items()}
    order = {name: place for place, name in enumerate(metric_order({name for name, _, _ in found}))}
    return sorted(found, key=lambda column: (order[column[0]], str(column[1:])))


def _column(name: str, score: Any) -> _Column:
    return name, score.version, json.dumps(plain(score.settings), sort_keys=True)


def _row(members: Sequence[tuple[Listed, Record]], columns: Sequence[_Column]) -> dict[str, Any]:
    entry, records = members[0][0].entry, [record for _, record in members]
    values = []
    for column in columns:
        scores = [
            score.value
            for record in records
            if (score := record.metrics.get(column[0])) is not None and _column(column[0], score) == column
        ]
        values.append(math.fsum(scores) / len(scores) if scores else None)
    return {
        "entry": entry.name,
        "submitter": entry.submitter,
        "method": records[0].method,
        "seeds": len(records),
        "status": entry.status,
        "superseded_by": entry.superseded_by,
        "device": records[0].provenance.get("device_name"),
        "pretrained": any(record.pretrained for record in records),
        "values": values,
    }


def _sort(table: dict[str, Any]) -> None:
    ranked = [
        (place, column["higher_is_better"])
        for place, column in enumerate(table["columns"])
        if column["higher_is_better"] is not None
    ]

    def key(row: Mapping[str, Any]) -> tuple[Any, ...]:
        if not ranked:
            return (row["entry"], row["method"])
        place, higher = ranked[0]
        value = row["values"][place]
        return (
            value is None,
            0.0 if value is None else -value if higher else value,
            row["entry"],
            row["method"],
        )

    table["rows"].sort(key=key)


def board_page(model: Mapping[str, Any]) -> str:
    """Return index.html; every text of the model is escaped here."""
    templates = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("a2ibench.reporting.board", _ASSETS),
                PackageLoader("a2ibench.reporting.page", _ASSETS),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["score"] = lambda value: value if isinstance(value, str) else f"{value:.{_DIGITS}g}"
    style, script = inline(asset("page.css")), inline(asset("page.js"))
    return templates.get_template("board.html.j2").render(
        model=model, statuses=STATUSES, style=style, script=script, policy=policy_of([script])
    )
