"""The catalogue: the shipped one, round trips, and one clear line for every mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from a2ibench.contracts import DatasetSpec, Simulation
from a2ibench.data.catalogue import find_dataset, load_catalogue
from a2ibench.errors import CatalogueError, UnknownNameError

ROOT = Path(__file__).parents[1]
MINIMAL = '[epfl]\npath = "a.tif"\nvoxel_size = [45, 15, 15]\n'


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "datasets.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_minimal_table_gets_the_documented_defaults(write, tmp_path):
    spec = load_catalogue(write(MINIMAL))["epfl"]
    assert spec == DatasetSpec("epfl", "epfl", (45.0, 15.0, 15.0), path=tmp_path / "a.tif")
    assert spec.local


def test_every_field_arrives_in_the_specification(write):
    text = """
    [a]
    title = "Some\\n title"
    url = "https://example.org/x.h5"
    sha256 = "ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
    key = "volumes/raw"
    voxel_size = [8, 8.0, 8]
    bin = 2
    crop = [[0, 10], [1, 20], [2, 30]]
    intensity = [-1, 2.5]
    licence = "CC BY"
    citation = "C"
    [a.simulate]
    ratio = 3.333333
    degradation = "gaussian-psf"
    sigma = 2
    exact = true
    """
    assert load_catalogue(write(text))["a"] == DatasetSpec(
        name="a",
        title="Some title",
        voxel_size=(8.0, 8.0, 8.0),
        url="https://example.org/x.h5",
        sha256="abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789",
        key="volumes/raw",
        bin=2,
        crop=((0, 10), (1, 20), (2, 30)),
        intensity=(-1.0, 2.5),
        simulate=Simulation(3.333333, "gaussian-psf", {"sigma": 2, "exact": True}),
        licence="CC BY",
        citation="C",
    )


def test_paths_are_relative_to_the_file_unless_absolute(write, tmp_path):
    absolute = (tmp_path / "elsewhere" / "b.tif").as_posix()
    path = write(
        f'[a]\npath = "sub/a.tif"\nvoxel_size = [1, 1, 1]\n[b]\npath = "{absolute}"\nvoxel_size = [1, 1, 1]'
    )
    specs = load_catalogue(path)
    assert specs["a"].path == tmp_path / "sub" / "a.tif"
    assert specs["b"].path == Path(absolute)


def test_order_of_the_file_is_kept_and_a_byte_order_mark_is_accepted(write):
    names = ["z1", "a.b", "m_2-c"]
    text = "".join(f'["{name}"]\npath = "a.tif"\nvoxel_size = [1, 1, 1]\n' for name in names)
    assert list(load_catalogue(write(b"\xef\xbb\xbf" + text.encode()))) == names


def entry(**fields: str) -> str:
    given = {"path": '"a.tif"', "voxel_size": "[45, 15, 15]"} | fields
    return "[epfl]\n" + "".join(f"{name} = {value}\n" for name, value in given.items() if value)


HERE = "datasets.toml: [epfl]: "
LONG = "a" * 101
MISTAKES = {
    "voxel size of two": (
        entry(voxel_size="[5, 5]"),
        HERE + "voxel_size has 2 numbers; give 3 (z, y, x) in nm",
    ),
    "voxel size missing": (entry(voxel_size=""), HERE + "voxel_size is missing; give 3 numbers"),
    "voxel size a number": (entry(voxel_size="5"), HERE + "voxel_size is 5; give 3 numbers"),
    "voxel size zero": (
        entry(voxel_size="[5, 0, 5]"),
        HERE + "voxel_size[1] is 0; give a positive number",
    ),
    "voxel size nan": (entry(voxel_size="[5, nan, 5]"), HERE + "voxel_size[1] is nan"),
    "voxel size inf": (entry(voxel_size="[5, 5, inf]"), HERE + "voxel_size[2] is inf"),
    "voxel size bool": (entry(voxel_size="[true, 5, 5]"), HERE + "voxel_size[0] is true"),
    "voxel size text": (entry(voxel_size='["5", 5, 5]'), HERE + "voxel_size[0] is '5'"),
    "voxel size table": (entry(voxel_size="[{a = 1}, 5, 5]"), HERE + "voxel_size[0] is a table"),
    "voxel size overflow": (
        entry(voxel_size=f"[{'9' * 400}, 5, 5]"),
        HERE + "voxel_size[0] is 999",
    ),
    "huge hexadecimal": (entry(bin=f"[0x{'f' * 9000}]"), HERE + "bin is a list of 1"),
    "unknown field": (
        entry(voxelsize="1"),
        HERE + "unknown field 'voxelsize'; did you mean 'voxel_size'?",
    ),
    "american spelling": (entry(license='"x"'), HERE + "unknown field 'license'; did you mean 'licence'?"),
    "dotted name": (
        "[epfl.ca1]\npath='a.tif'",
        HERE + "unknown table 'ca1'; for a dataset whose name holds a dot",
    ),
    "no source": (entry(path=""), HERE + "has no source; give one of path, url, phantom, instructions"),
    "two sources": (entry(url='"https://a.org/b"'), HERE + "has path and url; give one of"),
    "path a number": (entry(path="3"), HERE + "path is 3; give a text"),
    "path empty": (entry(path='" "'), HERE + "path is ' '; give a text"),
    "path with nul": (entry(path='"a\\u0000b"'), HERE + "path is 'a\\x00b'; give a text"),
    "unknown home": (entry(path='"~nobody-of-that-name/a.tif"'), HERE + "path is '~nobody-of-that-name/a"),
    "ftp link": (
        entry(path="", url='"ftp://host/x"'),
        HERE + "url is 'ftp://host/x'; give a http, https, s3",
    ),
    "broken link": (entry(path="", url='"http://[x"'), HERE + "url is 'http://[x'; give a http, https, s3"),
    "no host": (entry(path="", url='"http:///x"'), HERE + "url is 'http:///x'"),
    "short sha256": (entry(sha256='"abc"'), HERE + "sha256 is 'abc'; give 64 hexadecimal digits"),
    "sha256 number": (entry(sha256="12"), HERE + "sha256 is 12; give 64 hexadecimal digits"),
    "bin zero": (entry(bin="0"), HERE + "bin is 0; give a whole number of at least 1"),
    "bin fraction": (entry(bin="1.5"), HERE + "bin is 1.5; give a whole number"),
    "bin bool": (entry(bin="true"), HERE + "bin is true; give a whole number"),
    "crop reversed": (
        entry(crop="[[0, 5], [9, 3], [0, 5]]"),
        HERE + "crop[1] is (9, 3); give [start, stop], start below stop",
    ),
    "crop negative": (
        entry(crop="[[0, 5], [0, 5], [-1, 5]]"),
        HERE + "crop[2][0] is -1; give a whole number",
    ),
    "crop flat": (entry(crop="[0, 5, 0]"), HERE + "crop[0] is 0; give 2 numbers as [start, stop]"),
    "crop short": (entry(crop="[[0, 5]]"), HERE + "crop has 1 pairs; give 3 (z, y, x) in voxels"),
    "intensity reversed": (
        entry(intensity="[1, 1]"),
        HERE + "intensity is (1.0, 1.0); give [low, high], low below high",
    ),
    "intensity nan": (entry(intensity="[nan, 1]"), HERE + "intensity[0] is nan; give a finite number"),
    "simulate number": (
        entry(voxel_size="[5, 5, 5]", simulate="3"),
        HERE + "simulate is 3; give a table such as {ratio = 3.0}",
    ),
    "ratio missing": (entry(voxel_size="[5, 5, 5]", simulate="{}"), HERE + "simulate.ratio is missing"),
    "ratio low": (
        entry(voxel_size="[5, 5, 5]", simulate="{ratio = 0.9}"),
        HERE + "simulate.ratio is 0.9; give a number of at least 1",
    ),
    "ratio nan": (entry(voxel_size="[5, 5, 5]", simulate="{ratio = nan}"), HERE + "simulate.ratio is nan"),
    "ratio bool": (entry(voxel_size="[5, 5, 5]", simulate="{ratio = true}"), HERE + "simulate.ratio is true"),
    "option list": (
        entry(voxel_size="[5, 5, 5]", simulate="{ratio = 3, sigma = [1]}"),
        HERE + "simulate.sigma is a list of 1; give a number, a text, true or false",
    ),
    "option with an odd name": (
        entry(voxel_size="[5, 5, 5]", simulate='{ratio = 3, "a\\nb" = nan}'),
        HERE + "simulate.'a\\nb' is nan",
    ),
    "simulate anisotropic": (
        entry(simulate="{ratio = 3}"),
        HERE + "voxel_size is (45, 15, 15); simulate needs three equal numbers",
    ),
    "phantom anisotropic": (
        entry(path="", phantom="{}"),
        HERE + "voxel_size is (45, 15, 15); phantom needs three equal numbers",
    ),
    "phantom with key": (
        entry(path="", phantom="{}", key='"raw"', voxel_size="[5, 5, 5]"),
        HERE + "key is given, but a phantom is generated",
    ),
    "phantom size": (
        entry(path="", phantom="{size = 0}", voxel_size="[5, 5, 5]"),
        HERE + "phantom.size is 0; give a whole number of at least 2",
    ),
    "title list": (entry(title="[]"), HERE + "title is a list of 0; give a text"),
    "date": (entry(title="2020-01-01"), HERE + "title is datetime.date(2020, 1, 1); give a text"),
    "not a table": ("epfl = 3", HERE + "is 3; write a [epfl] table"),
    "array of tables": ("[[epfl]]", HERE + "is a list of 1; write a [epfl] table"),
    "upper case": ("[EPFL]", "datasets.toml: [EPFL]: bad name; use at most 100 lower-case"),
    "double hyphen": ("[a--b]", "datasets.toml: [a--b]: bad name; use at most 100 lower-case"),
    "longer than names of files": (
        f"[{'a' * 101}]",
        f"datasets.toml: [{'a' * 101}]: bad name; use at most 100",
    ),
    "leading dot": ('[".a"]', "datasets.toml: [.a]: bad name"),
    "name with a line break": ('["a\\nb"]', "datasets.toml: ['a\\nb']: bad name"),
    "name ending in a line break": ('["a\\n"]', "datasets.toml: ['a\\n']: bad name"),
    "malformed": (MINIMAL + "bin == 3", "datasets.toml: not valid TOML: Invalid value (at line 4, column 6)"),
    "cut short": (
        MINIMAL + 'title = "',
        "datasets.toml: not valid TOML: Unterminated string (at the end, line 4)",
    ),
    "twice": (MINIMAL + "[epfl]", "datasets.toml: not valid TOML: Cannot declare ('epfl',) twice (at line 4"),
    "deep": ("a = " + "[" * 100_000, "datasets.toml: not valid TOML: nested too deeply"),
    "huge number": (f"a = {'1' * 5000}", "datasets.toml: not valid TOML: "),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_gives_one_line_with_file_table_and_field(write, tmp_path, text, message):
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(write(text))
    assert str(caught.value).removeprefix(f"{tmp_path}/").startswith(message)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("sizes", ["5, 5, 5.04", "5.04, 5, 5", "4.97, 5, 5"])
def test_an_input_is_simulated_where_spacings_differ_by_less_than_one_percent(write, sizes):
    text = entry(voxel_size=f"[{sizes}]", simulate="{ratio = 3}")
    assert load_catalogue(write(text))["epfl"].simulate == Simulation(3)
    wide = text.replace(sizes, "5, 5, 5.06")
    with pytest.raises(CatalogueError, match=r"voxel_size is \(5, 5, 5.06\); simulate needs three equal"):
        load_catalogue(write(wide))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file; give the path of a datasets.toml"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b"# ok\n\xff"), "byte 5 is not UTF-8"),
        (lambda path: path.write_bytes(b"# nothing\n"), "holds no dataset; add a [name] table"),
    ],
    ids=["missing", "folder", "latin-1", "empty"],
)
def test_a_file_that_cannot_be_used_is_named_in_full(tmp_path, make, message):
    path = tmp_path / "my.toml"
    make(path)
    with pytest.raises(CatalogueError, match=re.escape(message)) as caught:
        load_catalogue(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_an_unknown_dataset_suggests_the_nearest(write):
    catalogue = load_catalogue(write(MINIMAL))
    assert find_dataset("epfl", catalogue) is catalogue["epfl"]
    with pytest.raises(UnknownNameError, match="unknown dataset 'epfi'; did you mean 'epfl'"):
        find_dataset("epfi", catalogue)


def test_the_shipped_catalogue_is_complete():
    shipped = load_catalogue()
    assert next(iter(shipped)) == "phantom"
    assert [name for name, spec in shipped.items() if spec.local] == ["phantom"]
    for spec in shipped.values():
        assert spec.title != spec.name
        assert spec.licence
        assert spec.citation or spec.phantom is not None
        # What the protocol needs: equal lateral spacings, and a loss along z or a simulation of one.
        assert spec.voxel_size[1] == spec.voxel_size[2]
        assert (spec.simulate is None) == (spec.voxel_size[0] > spec.voxel_size[1])
    paper = shipped["epfl-ca1"]
    assert paper.voxel_size[0] * paper.bin == 15
    assert paper.simulate == Simulation(3.0)


def test_the_shipped_catalogue_is_part_of_the_wheel():
    configuration = (ROOT / "pyproject.toml").read_text()
    assert '"datasets.toml" = "a2ibench/datasets.toml"' in configuration


def test_the_catalogue_of_real_volumes_loads(shared_data):
    catalogue = load_catalogue(shared_data / "datasets.toml")
    assert all(spec.path.is_file() and len(spec.sha256) == 64 for spec in catalogue.values())
    assert catalogue["hemibrain-128"].simulate == Simulation(3.333333)
    assert catalogue["vnc-sstem"].simulate is None
