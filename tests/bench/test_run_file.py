"""Run files say what flags say, and what is wrong with one is a line that names file, table and key."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from a2ibench.bench.plan import plan_run
from a2ibench.bench.run_file import INSTEAD, KEYS, SETTINGS, combined_options, read_run_file
from a2ibench.cli import main
from a2ibench.cli.app import app
from a2ibench.cli.errors import flag
from a2ibench.errors import InputError

pytestmark = pytest.mark.usefixtures("probe")
quietly = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

NUMBERS = st.floats(0, 2, allow_subnormal=False)
TEXTS = st.text("abZ0 =.,#'\"\\-é[]", min_size=1, max_size=12).filter(lambda text: text == text.strip())
TABLES = {
    "nearest": st.fixed_dictionaries({}, optional={"gain": NUMBERS}),
    "bare": st.fixed_dictionaries(
        {},
        optional={
            "gain": NUMBERS,
            "steps": st.integers(-(10**6), 10**6),
            "deep": st.booleans(),
            "mode": TEXTS,
        },
    ),
}


@st.composite
def said(draw: st.DrawFn) -> dict[str, Any]:
    """Options as a file has them, some of them; settings only of methods that the options name."""
    some = {
        "methods": st.lists(
            st.sampled_from(["nearest", "bare", "cubic"]), min_size=1, max_size=3, unique=True
        ),
        "datasets": st.lists(st.sampled_from(["thin", "full", "flat"]), min_size=1, max_size=3, unique=True),
        "profile": st.sampled_from(["smoke", "quick", "full"]),
        "seeds": st.integers(1, 4),
        "device": st.sampled_from(["auto", "cpu"]),
        "precision": st.sampled_from(["auto", "fp32", "bf16"]),
        "budget": st.sampled_from(["7steps", "20000steps", "2.5s", "300s"]),
        "executor": st.sampled_from(["process", "inline"]),
        "timeout": st.one_of(st.integers(1, 999), st.floats(0.5, 1e6)),
        "checkpoint_every": st.sampled_from(["never", "0.5s", "60s"]),
        "metrics": st.sampled_from([["psnr"], ["fsim", "spread"], "all"]),
        "out": st.sampled_from(["here", "some where/else"]),
    }
    options = draw(st.fixed_dictionaries({}, optional=some))
    if options.get("executor") == "inline":
        options.pop("timeout", None)
    chosen = options.get("methods", list(TABLES))
    tables = {name: draw(table) for name, table in TABLES.items() if name in chosen and draw(st.booleans())}
    return options | ({SETTINGS: tables} if tables else {})


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def as_file(folder: Path, options: Mapping[str, Any]) -> Path:
    lines = [f"{key} = {toml(value)}" for key, value in options.items() if key != SETTINGS]
    for method, table in options.get(SETTINGS, {}).items():
        lines += [f"[settings.{method}]", *(f"{key} = {toml(value)}" for key, value in table.items())]
    file = folder / "bench.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def as_flags(folder: Path, options: Mapping[str, Any]) -> list[str]:
    flags: list[str] = []
    for key, value in options.items():
        if key == SETTINGS:
            continue
        text = ",".join(value) if isinstance(value, list) else str(value)
        flags += [flag(key), str(folder / text) if key in ("catalogue", "out") else text]
    for method, table in options.get(SETTINGS, {}).items():
        for key, value in table.items():
            flags += ["--set", f"{method}.{key}={toml(value) if not isinstance(value, str) else value}"]
    return flags


def foretold(*arguments: str | Path) -> dict[str, Any]:
    """Return what the command line would do."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = main(["run", *map(str, arguments), "--dry-run", "--json"])
    assert code == 0, stderr.getvalue()
    result: dict[str, Any] = json.loads(stdout.getvalue())
    return result


def refused(*arguments: str | Path) -> str:
    """Return the one line that the command line says to bad input."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = main(["run", *map(str, arguments), "--dry-run"])
    assert code == 2
    assert stdout.getvalue() == ""
    (line,) = stderr.getvalue().splitlines()
    return line.removeprefix("a2ibench: error: ")


@quietly
@given(options=said())
def test_a_file_says_what_flags_say(options: dict[str, Any], catalogue: Path) -> None:
    folder = catalogue.parent
    options = options | {"catalogue": catalogue.name}
    assert foretold(as_file(folder, options)) == foretold(*as_flags(folder, options))


@quietly
@given(in_file=said(), flags=said())
def test_flags_win_over_the_file(in_file: dict[str, Any], flags: dict[str, Any], catalogue: Path) -> None:
    folder = catalogue.parent
    in_file = in_file | {"catalogue": catalogue.name}
    both = in_file | flags
    assume(not (both.get("executor") == "inline" and "timeout" in both))
    chosen = both.get("methods", [*TABLES])
    flags[SETTINGS] = {name: table for name, table in flags.get(SETTINGS, {}).items() if name in chosen}
    both[SETTINGS] = {
        name: in_file.get(SETTINGS, {}).get(name, {}) | flags[SETTINGS].get(name, {})
        for name in TABLES
        if name in chosen
    }
    together = foretold(as_file(folder, in_file), *as_flags(folder, flags))
    assert together == foretold(*as_flags(folder, both))


def test_a_file_can_say_what_every_flag_can() -> None:
    (run,) = (c for name, c in typer.main.get_command(app).commands.items() if name == "run")
    given = {option.removeprefix("--") for p in run.params for option in p.opts if option.startswith("--")}
    flags = {option.removeprefix("no-") for option in given}
    keys = {key.replace("_", "-") for key in KEYS}
    # Tables of the file; two of them have options that the command line gives one by one.
    tables = {"variants", "commands", "environments"}
    assert flags - {"help"} == keys - tables | INSTEAD.keys() | {"set", "environment"}


def test_paths_are_relative_to_the_file(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = catalogue.parent / "bench.toml"
    file.write_text('catalogue = "datasets.toml"\nout = "results"\nmethods = "nearest"')
    monkeypatch.chdir(tmp_path)
    options = read_run_file(Path("data/bench.toml")).options
    assert (options["catalogue"], options["out"]) == (Path("data/datasets.toml"), Path("data/results"))
    assert foretold("data/bench.toml")["plan"]["catalogue"] == str(catalogue)
    monkeypatch.setenv("HOME", str(tmp_path / "data"))
    file.write_text('catalogue = "~/datasets.toml"')
    assert read_run_file(file).options["catalogue"] == catalogue


def test_names_may_be_one_text(catalogue: Path) -> None:
    file = as_file(
        catalogue.parent, {"methods": "nearest, bare", "datasets": "all", "catalogue": "datasets.toml"}
    )
    plan = plan_run(combined_options(read_run_file(file), {}))
    assert plan.methods == ("nearest", "bare")
    assert len(plan.datasets) == 4


def test_metrics_that_run_on_request_are_named_in_a_file_or_by_a_flag(catalogue: Path) -> None:
    common = {"methods": "nearest", "catalogue": catalogue.name}

    def wanted(in_file: Mapping[str, Any], **flags: Any) -> tuple[str, ...]:
        file = as_file(catalogue.parent, common | in_file)
        return plan_run(combined_options(read_run_file(file), flags)).metrics

    assert {"psnr", "haarpsi", "fsim", "mdsi"} - {*wanted({})} == {"fsim", "mdsi"}
    assert {"psnr", "fsim", "mdsi"} <= {*wanted({"metrics": "all"})}
    assert wanted({"metrics": ["psnr", "fsim"]}) == ("psnr", "fsim")
    assert wanted({"metrics": ["psnr", "fsim"]}, metrics="mdsi,ssim") == ("mdsi", "ssim")


def test_numbers_keep_their_type_and_texts_their_blanks(catalogue: Path) -> None:
    tables = {"bare": {"steps": 4, "gain": 0.5, "deep": False, "mode": " wide "}}
    file = as_file(catalogue.parent, {"methods": "bare", "catalogue": "datasets.toml", SETTINGS: tables})
    plan = plan_run(combined_options(read_run_file(file), {}))
    assert plan.settings == tables
    assert [type(value) for value in plan.settings["bare"].values()] == [int, float, bool, str]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("methds = 'all'", ["unknown key 'methds'; did you mean 'methods'?"]),
        ("methods = 3", ["methods is 3; give a list of names"]),
        ("methods = ['nearest', 3]", ["methods[1] is 3; give a text"]),
        ("methods = ['neares']", ["methods: unknown method 'neares'; did you mean 'nearest'?"]),
        ("methods = []", ["methods: got []; give names"]),
        ("datasets = ['thn']", ["datasets: unknown dataset 'thn'; did you mean 'thin'?"]),
        ("profile = 'quik'", ["profile: unknown profile 'quik'; did you mean 'quick'?"]),
        ("profile = 3", ["profile is 3; give a text"]),
        ("device = 'tpu'", ["device: unknown device 'tpu'"]),
        ("precision = 'fp23'", ["precision: unknown precision 'fp23'; did you mean 'fp32'?"]),
        ("executor = 'proces'", ["executor: unknown executor 'proces'; did you mean 'process'?"]),
        ("budget = 300", ["budget is 300; give a text"]),
        ("budget = '10 minutes'", ["bench.toml: budget: got '10 minutes'; give steps as 2000steps"]),
        ("seeds = 0", ["seeds is 0; give a whole number of at least 1"]),
        ("seeds = true", ["seeds is true; give a whole number"]),
        ("timeout = -1", ["timeout is -1; give a positive number of seconds"]),
        ("timeout = inf", ["timeout is inf; give a positive number of seconds"]),
        ("timeout = 5\nexecutor = 'inline'", ["bench.toml: timeout: the inline executor cannot stop"]),
        ("out = 7", ["out is 7; give a text"]),
        ("fresh = true", ["fresh cannot be in a file", "--fresh"]),
        ("dry-run = true", ["dry-run cannot be in a file", "--dry-run"]),
        ("settings = 3", ["settings is 3; write a table [settings.METHOD]"]),
        (
            "[nearest]\ngain = 1.0",
            ["unknown table [nearest]; settings of a method go into [settings.METHOD]"],
        ),
        ("[settings]\nnearest = 1", ["settings.nearest is 1; write [settings.nearest]"]),
        (
            "[settings.nearst]",
            ["[settings.nearst]: unknown method or metric 'nearst'; did you mean 'nearest'?"],
        ),
        (
            "[settings.nearest]\ngian = 1.0",
            ["[settings.nearest]: gian: unknown setting of nearest 'gian'; did you mean 'gain'?"],
        ),
        ("[settings.nearest]\ngain = 3", ["[settings.nearest]: gain: got 3.0; give a value from 0 to 2"]),
        ("[settings.nearest]\ngain = 'much'", ["[settings.nearest]: gain: got 'much'; give a number"]),
        ("[settings.nearest]\ngain = true", ["[settings.nearest]: gain: got True; give a number"]),
        ("[settings.nearest]\ngain = nan", ["[settings.nearest]: gain is nan; give a finite number"]),
        ("[settings.nearest]\ngain = [1]", ["[settings.nearest]: gain is a list of 1; give a number"]),
        ("[settings.nearest]\ngain = 1979-05-27", ["[settings.nearest]: gain is datetime.date"]),
        ("[settings.a.b]\nc = 1", ['[settings.a]: b is a table; for a method a.b write [settings."a.b"]']),
        (
            "[settings.bare]\nstps = 1",
            ["[settings.bare]: stps: unknown setting of bare 'stps'", "'steps'"],
        ),
        ("[settings.bare]\ndeep = 3", ["[settings.bare]: deep: got 3; give a bool"]),
        (
            "methods = ['bare']\n[settings.nearest]\ngain = 1",
            ["[settings.nearest]: nearest is not run; add it to methods"],
        ),
        ("catalogue = 'nowhere.toml'", ["catalogue: ", "nowhere.toml: no such file"]),
        ("methods = [", ["not valid TOML", "line 1"]),
        ("seeds = 1\nseeds = 2", ["not valid TOML", "line 2"]),
    ],
)
def test_what_is_wrong_is_one_line(text: str, parts: list[str], catalogue: Path) -> None:
    file = catalogue.parent / "bench.toml"
    head = "" if "catalogue" in text else 'catalogue = "datasets.toml"\n'
    file.write_text(head + text if "not valid" not in parts[0] else text)
    line = refused(file)
    assert line.startswith(f"{file}: ")
    assert all(part in line for part in parts), line


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    assert refused(tmp_path / "cubic") == f"{tmp_path / 'cubic'}: no such file; give the path of a run file"
    assert "give the path of a run file" in refused(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"out = '\xe9'")
    assert "not UTF-8" in refused(tmp_path / "latin.toml")


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_bytes(b"\xef\xbb\xbfseeds = 2")
    assert read_run_file(tmp_path / "bench.toml").options == {"seeds": 2}


def test_what_a_flag_replaces_may_be_wrong(catalogue: Path) -> None:
    file = as_file(catalogue.parent, {"methods": ["gone"], "profile": "gone", "catalogue": "gone.toml"})
    plan = foretold(file, "--methods", "nearest", "--profile", "smoke", "--catalogue", catalogue)["plan"]
    assert (plan["methods"], plan["profile"]) == (["nearest"], "smoke")


@pytest.mark.parametrize("value", ["3", "much"])
def test_flags_name_no_file(value: str, catalogue: Path) -> None:
    file = as_file(catalogue.parent, {"methods": ["nearest"], "catalogue": "datasets.toml"})
    line = refused(file, "--set", f"nearest.gain={value}")
    assert line.startswith("nearest.gain: got ")


def test_the_documentation_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "run_files.md").read_text(encoding="utf-8")
    assert all(f"`--{key}`" in page for key in INSTEAD)
    example = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0]
    Path("bench.toml").write_text(example, encoding="utf-8")
    forecast = foretold("bench.toml")
    assert forecast["folder"] == "results/first"
    assert len(forecast["jobs"]) == 9
    assert forecast["plan"]["set"] == {
        "a2i-3dem": {"alpha_filters": 0.1, "residual": True, "planes": "both"},
        "cubic": {"a": -0.75},
    }
    text = "methods = ['srmd']\n"
    for wrong in ("[settings.srmd]\nresidul = true", "profile = 'quik'", "seeds = 0"):
        Path("bench.toml").write_text(text + wrong, encoding="utf-8")
        assert f"a2ibench: error: {refused('bench.toml')}\n" in page
    for line in ("profile    quick", "executor   process", "DATASET  METHOD    SEED  ACTION  TIME     WHY"):
        assert line in page.splitlines()


ANYTHING = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text("ab/~. \\", max_size=4),
    st.lists(st.integers(0, 3), max_size=2),
)


@quietly
@given(
    options=st.dictionaries(st.sampled_from([*KEYS, *INSTEAD, "other"]), ANYTHING, max_size=4),
    tables=st.dictionaries(
        st.sampled_from(["nearest", "bare", "gone"]), st.dictionaries(st.just("a"), ANYTHING)
    ),
)
def test_any_values_pass_or_are_refused_in_one_line(
    options: dict[str, Any], tables: dict[str, Any], tmp_path: Path
) -> None:
    file = as_file(tmp_path, options | {SETTINGS: tables})
    try:
        read = read_run_file(file)
    except InputError as error:
        line = str(error)
        assert line.startswith(f"{file}: ")
        assert len(line.splitlines()) == 1
    else:
        assert read.options.keys() == options.keys()
        assert read.settings == tables


@quietly
@given(text=st.text(max_size=40))
def test_any_text_is_read_or_refused_in_one_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(InputError):
        read_run_file(file)
