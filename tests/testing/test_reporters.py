"""Reporters that break one rule each, and the check that says so."""

from __future__ import annotations

import json

import pytest

from a2ibench.testing import reporters

FAULTS = {
    "texts for paths": (
        {"returns-paths"},
        "not a list of paths",
        "    return [str(path) for path in sound(run)]",
    ),
    "a file that is not there": (
        {"returns-paths"},
        "it returned gone.txt, which is no file",
        "    return [*sound(run), run.folder / 'gone.txt']",
    ),
    "an untold file": (
        {"returns-paths"},
        "it wrote planted.txt without returning the path",
        "    sound(run)\n    return []",
    ),
    "into the working directory": (
        {"inside-the-run"},
        "room/work/notes.txt",
        "    open('notes.txt', 'w').close()\n    return sound(run)",
    ),
    "beside the run": (
        {"inside-the-run"},
        "notes.txt",
        "    path = run.folder.parent / 'notes.txt'\n    path.touch()\n    return [path, *sound(run)]",
    ),
    "a table altered": (
        {"records-unchanged"},
        "it altered or removed table.csv",
        """
    table = run.folder / "table.csv"
    if table.exists():
        table.unlink()
    return sound(run)
""",
    ),
    "the time": (
        {"determinism"},
        "two calls on the same run differ in planted.txt",
        """
    import time
    (target,) = sound(run)
    target.write_text(str(time.time_ns()))
    return [target]
""",
    ),
    "once only": (
        {"once-more"},
        "the plugin raised FileExistsError",
        "    (run.folder / 'planted.txt').touch(exist_ok=False)\n    return sound(run)",
    ),
    "successes only": (
        {"failures-only"},
        "the plugin raised IndexError",
        """
    [record for record in run.records if record.ok][0]
    return sound(run)
""",
    ),
}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return reporters.make_run(tmp_path_factory.mktemp("template"))


@pytest.fixture
def judged(plant, template, monkeypatch):
    def run(body):
        monkeypatch.setattr(reporters, "make_run", lambda folder: template)
        return plant("reporter", body)

    return run


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_its_check_and_no_other(fault, judged, failed, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    names, message, body = FAULTS[fault]
    outcomes = judged(body)
    assert failed(outcomes) == names
    assert all(message in outcomes[name].message for name in names)
    assert not list(tmp_path.glob("*.txt"))


def test_a_sound_reporter_passes(judged) -> None:
    assert {outcome.status for outcome in judged("    return sound(run)").values()} == {"ok"}


def test_a_reporter_that_crashes_fails_once(judged, failed) -> None:
    outcomes = judged("    raise KeyError('metrics')")
    assert failed(outcomes) == {"returns-paths", "failures-only"}
    assert outcomes["determinism"].message == "needs a report, see returns-paths"


def test_the_run_holds_a_job_of_each_fate(template) -> None:
    records = {file.parent.name: json.loads(file.read_text()) for file in template.glob("jobs/*/record.json")}
    assert {name: record["status"] for name, record in records.items()} == {
        reporters.OK: "ok",
        reporters.FAILED: "error",
        reporters.SKIPPED: "skipped",
    }
    assert records[reporters.OK]["metrics"]["psnr"]["value"] > 20
    assert "missing.tif" in records[reporters.FAILED]["error"]["message"]
    assert (template / "table.csv").is_file()
    assert list(template.glob("figures/*.png"))
