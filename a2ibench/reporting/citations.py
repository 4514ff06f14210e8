"""What to cite where a run's results are used, and the same as BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from a2ibench import __version__
from a2ibench.bench.record import Record
from a2ibench.bench.run import Run
from a2ibench.contracts import DatasetSpec
from a2ibench.errors import one_line, printable
from a2ibench.hookspecs import PROJECT
from a2ibench.registry import host
from a2ibench.reporting.markup import latex_text

_LONGEST = 2000
_DOI = re.compile(r"\b(10\.\d{4,9}/[^\s,;\"<>{}\\]+)")
_LINK = re.compile(r"https?://[^\s,;\"<>{}\\]+")


@dataclass(frozen=True)
class Citation:
    """What to cite for one part of a run.

    Parameters
    ----------
    kind : str
        ``"software"``, ``"method"``, ``"dataset"``, or ``"source"`` of published results.
    name : str
        Of the method or the dataset, or the key of the source.
    text : str
        As the plugin or the catalogue states it; empty where nothing is known.
    note : str
        Why there is no text.
    """

    kind: str
    name: str
    text: str
    note: str = ""

    @property
    def key(self) -> str:
        """Its key in BibTeX."""
        return f"{self.kind}-{re.sub(r'[^A-Za-z0-9.+_-]+', '-', self.name).strip('-') or 'unnamed'}"


def citations(run: Run) -> list[Citation]:
    """Return what to cite for a run: a2ibench itself, then the methods, then the datasets."""
    methods = [_of_method(run, name) for name in run.methods]
    datasets = [_of_dataset(run, name) for name in run.datasets]
    return [Citation("software", PROJECT, f"a2ibench {_version(run)}: {_summary()}"), *methods, *datasets]


def bibtex(run: Run) -> str:
    """Return BibTeX of `citations`; what has none is a comment that says why.

    What is stated as free text becomes the ``note`` of a ``@misc`` entry, whole: authors and titles are not
    guessed from it. What is stated as BibTeX is taken as it is.
    """
    entries, seen = [], dict[str, str]()
    for one in citations(run):
        if one.text and one.text in seen:
            entries.append(f"% {_comment(one)}: see {seen[one.text]}")
            continue
        seen[one.text] = one.key
        entries.append(_entry(run, one) if one.text else f"% {_comment(one)}: {one.note}")
    return "\n\n".join(entries) + "\n"


def _comment(one: Citation) -> str:
    return f"{one.kind} {printable(one.name)}"


def _entry(run: Run, one: Citation) -> str:
    if one.kind == "software":
        return _formatted(
            "software",
            one.key,
            {
                "author": "{The a2ibench developers}",
                "title": f"{{a2ibench}}: {latex_text(_summary())}",
                "version": latex_text(_version(run)),
            },
        )
    return entry(one)


def entry(one: Citation) -> str:
    """Return the BibTeX entry of what is cited by a text: as it stands, if that is BibTeX, else as a note."""
    if _is_bibtex(one.text):
        return one.text.strip()
    fields = {"key": latex_text(one.name), "note": latex_text(one_line(one.text, _LONGEST))}
    for name, pattern in (("doi", _DOI), ("url", _LINK)):
        if found := pattern.search(one.text):
            fields[name] = printable(found[0].rstrip(".)]"))
    return _formatted("misc", one.key, fields)


def _formatted(kind: str, key: str, fields: Mapping[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def _is_bibtex(text: str) -> bool:
    """Whether a text is one entry or more, whose braces match and which no terminal takes for a command."""
    if not re.match(r"\s*@\w+\s*\{", text) or text != "\n".join(map(printable, text.split("\n"))):
        return False
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


def _of_method(run: Run, name: str) -> Citation:
    record = next((one for one in run.records if one.method == name), None)
    told = _told(run, "commands", name).get("citation") or _stated(record).get("citation")
    if isinstance(told, str) and told:
        return Citation("method", name, told)
    registered = host().methods.get(_registered_name(run, name, record))
    if registered is None:
        return Citation("method", name, "", "no installed plugin tells; see its own documentation")
    text = registered.spec.citation
    return Citation("method", name, text, "" if text else "its plugin states nothing to cite")


def _registered_name(run: Run, name: str, record: Record | None) -> str:
    of = record.provenance.get("variant_of") if record is not None else None
    of = of or _told(run, "variants", name).get("method")
    return of if isinstance(of, str) and of else name


def _stated(record: Record | None) -> Mapping[str, Any]:
    return (record.external if record is not None else None) or {}


def _told(run: Run, table: str, name: str) -> Mapping[str, Any]:
    rows = run.options.get(table)
    found = rows.get(name) if isinstance(rows, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _of_dataset(run: Run, name: str) -> Citation:
    text = stated_of_dataset(run, name).get("citation")
    if isinstance(text, str) and text:
        return Citation("dataset", name, text)
    return Citation("dataset", name, "", "its catalogue states nothing to cite")


def stated_of_dataset(run: Run, name: str) -> Mapping[str, Any]:
    """Return what the catalogue said about a dataset of a run; nothing where the run does not tell."""
    registered = host().datasets.get(name)
    planned = run.options.get("datasets", ())
    found = next((dict(one) for one in planned if one.get("name") == name), None)
    if found is None and registered is not None and isinstance(registered.spec, DatasetSpec):
        spec = registered.spec
        return {"title": spec.title, "licence": spec.licence, "citation": spec.citation}
    return found or {}


def _version(run: Run) -> str:
    told = [run.environment.get("a2ibench"), *(one.provenance.get("a2ibench") for one in run.records)]
    return next(iter(_texts(told)), __version__)


def _texts(values: list[Any]) -> Iterator[str]:
    return (value for value in values if isinstance(value, str) and value)


def _summary() -> str:
    try:
        return str(metadata.metadata(PROJECT)["Summary"])
    except (metadata.PackageNotFoundError, KeyError):
        return "benchmark of isotropic reconstruction of electron microscopy"
