"""Random catalogues: valid ones round trip, others give one clear line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench.contracts import DatasetSpec
from a2ibench.data.catalogue import load_catalogue
from a2ibench.errors import CatalogueError

SHIPPED = Path(__file__).parents[1] / "datasets.toml"
MINIMAL = '[epfl]\npath = "a.tif"\nvoxel_size = [45, 15, 15]\n'

finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
spacing = st.floats(0.1, 1e4)
text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(str.strip)
names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,10}", fullmatch=True).filter(lambda name: "--" not in name)
bounds = st.tuples(st.integers(0, 100), st.integers(1, 100)).map(lambda pair: [pair[0], pair[0] + pair[1]])
scalars = st.one_of(st.booleans(), st.integers(-(2**40), 2**40), finite, text)
optional_fields = {
    "title": text,
    "key": text,
    "sha256": st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    "bin": st.integers(1, 9),
    "crop": st.lists(bounds, min_size=3, max_size=3),
    "intensity": st.tuples(finite, st.floats(1e-3, 1e3)).map(lambda p: [p[0], p[0] + abs(p[0]) + p[1]]),
    "licence": text,
    "citation": text,
}
simulations = st.builds(
    lambda ratio, degradation, options: options | {"ratio": ratio} | degradation,
    st.floats(1, 50),
    st.one_of(st.just({}), st.fixed_dictionaries({"degradation": text})),
    st.dictionaries(st.from_regex("x[a-z]{1,5}", fullmatch=True), scalars, max_size=3),
)
tables = st.fixed_dictionaries(
    {"voxel_size": spacing.map(lambda value: [value] * 3)},
    optional=optional_fields | {"simulate": simulations},
).flatmap(
    lambda table: st.sampled_from(
        [
            {"path": "a b/ü.tif", "level": 1},
            {"url": "https://example.org/a?b=c"},
            {"url": "https://example.org/a.zip", "member": "a b/ü"},
            {"url": "s3://bucket/a.n5", "level": 0, "crop": [[0, 9], [1, 9], [2, 9]]},
            {"instructions": "Ask."},
        ]
    ).map(lambda source: table | source)
)


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)  # also nan and inf
    return json.dumps(value, ensure_ascii=False)


def document(catalogue: dict[str, object]) -> str:
    return "".join(f"{toml(name)} = {toml(table)}\n" for name, table in catalogue.items())


def written_out(spec: DatasetSpec, folder: Path) -> dict[str, object]:
    """Turn a specification back into the table it came from."""
    table = {key: value for key, value in vars(spec).items() if value not in (None, "") and key != "name"}
    if spec.path is not None:
        table["path"] = spec.path.relative_to(folder).as_posix()
    if spec.simulate is not None:
        simulate = vars(spec.simulate)
        table["simulate"] = {**simulate.pop("options"), **simulate}
    return table


def as_read(name: str, table: dict[str, object]) -> dict[str, object]:
    """State what a valid table means: defaults, and texts for people on one line."""
    read = {"title": name, "bin": 1, "fill_missing": False, "labels": False} | table
    for field in ("title", "licence", "citation", "instructions"):
        if field in read:
            read[field] = " ".join(str(read[field]).split())
    if "simulate" in read:
        read["simulate"] = {"degradation": "slab-average"} | dict(table["simulate"])
    if "crop" in read:
        read["crop"] = tuple(map(tuple, read["crop"]))
    for field in ("voxel_size", "intensity"):
        if field in read:
            read[field] = tuple(read[field])
    return read


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("random")


@settings(deadline=None)
@given(st.dictionaries(names, tables, min_size=1, max_size=4))
def test_valid_catalogues_round_trip(folder, catalogue):
    path = folder / "valid.toml"
    path.write_text(document(catalogue), encoding="utf-8")
    specs = load_catalogue(path)
    assert list(specs) == list(catalogue)
    for name, table in catalogue.items():
        assert written_out(specs[name], folder) == as_read(name, table)


anything = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(st.characters(exclude_categories=["Cs"]))),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(text, inner, max_size=3)),
    max_leaves=8,
)
field_names = st.one_of(
    st.sampled_from([*vars(DatasetSpec("n", "t", (1, 1, 1))), "simulate"]).filter(
        lambda field: field != "name"
    ),
    text,
)
odd_tables = st.builds(
    lambda table, changes: table | changes,
    st.one_of(st.just({}), tables),
    st.dictionaries(field_names, anything, max_size=3),
)


def outcome(path: Path) -> list[str]:
    """Return the names of the datasets, or none after one clear line."""
    message = ""
    try:
        return list(load_catalogue(path))
    except CatalogueError as error:
        message = str(error)
    assert message.isprintable()
    assert path.name in message
    return []


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.one_of(names, text), st.one_of(odd_tables, anything), max_size=3))
def test_random_tables_raise_nothing_but_one_line(folder, catalogue):
    path = folder / "odd.toml"
    path.write_text(document(catalogue).replace("\x7f", ""), encoding="utf-8")
    assert outcome(path) in ([], list(catalogue))


@settings(deadline=None)
@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1"))), st.integers(0, len(MINIMAL)))
def test_random_text_raises_nothing_but_one_line(folder, noise, at):
    path = folder / "noise.toml"
    path.write_bytes((MINIMAL[:at] + noise + MINIMAL[at:]).encode("utf-8", "surrogatepass"))
    outcome(path)


def test_every_cut_of_a_catalogue_is_whole_or_one_line(tmp_path):
    content = SHIPPED.read_bytes()
    whole = list(load_catalogue())
    path = tmp_path / "cut.toml"
    for length in range(0, len(content), 37):
        path.write_bytes(content[:length])
        found = outcome(path)
        assert found == whole[: len(found)]
