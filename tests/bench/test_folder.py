from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from a2ibench.bench.plan import Plan
from a2ibench.bench.run_folder import check_run_folder, prepare_run_folder, state_of
from a2ibench.bench.run_lock import lock_run
from a2ibench.contracts import DatasetSpec
from a2ibench.errors import InputError

PLAN = Plan(
    methods=("cubic",),
    datasets=(DatasetSpec("thin", "T", (3.0, 1.0, 1.0), path=Path("/data/thin.tif")),),
    profile="smoke",
)


def test_the_folder_holds_plan_and_environment(tmp_path: Path) -> None:
    run_dir = prepare_run_folder(PLAN, tmp_path / "a" / "run")
    stored = json.loads((run_dir / "run.json").read_text())
    assert stored["fingerprint"] == PLAN.fingerprint()
    assert stored["plan"]["methods"] == ["cubic"]
    assert stored["plan"]["executor"] == "process"
    assert stored["environment"]["python"]


def test_the_default_folder_is_below_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert prepare_run_folder(PLAN) == PLAN.default_folder()
    assert (tmp_path / PLAN.default_folder() / "run.json").is_file()


def test_the_same_plan_takes_up_the_folder(tmp_path: Path) -> None:
    (prepare_run_folder(PLAN, tmp_path) / "jobs").mkdir()
    prepare_run_folder(replace(PLAN, timeout=3.0), tmp_path)
    assert (tmp_path / "jobs").is_dir()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (replace(PLAN, settings={"cubic": {"a": -0.75}}), "other settings (there none, now cubic.a=-0.75)"),
        (
            replace(PLAN, profile="quick", precision="fp32"),
            "other profile (there smoke, now quick) and other precision (there auto, now fp32)",
        ),
        (
            replace(PLAN, datasets=(replace(PLAN.datasets[0], bin=2),)),
            "other definitions of datasets (thin: bin there 1, now 2)",
        ),
    ],
)
def test_another_plan_is_told_which_option_differs(tmp_path: Path, other: Plan, message: str) -> None:
    prepare_run_folder(PLAN, tmp_path)
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(InputError) as caught:
        prepare_run_folder(other, tmp_path)
    assert message in str(caught.value)
    assert "choose another out" in str(caught.value)
    assert "or add fresh=True to start over" in str(caught.value)
    assert (tmp_path / "run.json").read_bytes() == before


def tree(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != ".lock")
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize(
    "name",
    ["table.csv", "figures/mine.png", "jobs/a--b--s0/record.json", "report.html", "run.json", ".hidden"],
)
def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path, name: str, fresh: bool) -> None:
    out = tmp_path / "mine"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("mine")
    with pytest.raises(InputError, match="is not empty and holds no run") as caught:
        prepare_run_folder(PLAN, out, fresh)
    assert "\n" not in str(caught.value)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [out / name]


def test_what_a_process_killed_at_its_start_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    (tmp_path / ".0123456789abcdef.tmp").write_text("{")
    prepare_run_folder(PLAN, tmp_path)


def test_fresh_keeps_the_earlier_run_beside_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    out = tmp_path / "run"
    (tmp_path / "run.1").write_text("somebody's")
    for number, plan in enumerate((PLAN, replace(PLAN, seeds=(0, 1)), PLAN), start=1):
        prepare_run_folder(plan, out, fresh=True)
        (out / "notes.txt").write_text(f"mine {number}")
        (out / "jobs" / "thin--cubic--s0").mkdir(parents=True)
    assert (tmp_path / "run.1").read_text() == "somebody's"
    assert [(tmp_path / f"run.{n}" / "notes.txt").read_text() for n in (2, 3)] == ["mine 1", "mine 2"]
    check_run_folder(PLAN, tmp_path / "run.2")
    check_run_folder(replace(PLAN, seeds=(0, 1)), tmp_path / "run.3")
    assert [f"kept as {tmp_path / 'run.2'}" in caplog.text, f"kept as {tmp_path / 'run.3'}" in caplog.text]
    assert caplog.text.count("kept as") == 2


def test_fresh_leaves_a_link_in_place_and_keeps_the_run_where_it_lies(tmp_path: Path) -> None:
    disk, link = tmp_path / "disk" / "run", tmp_path / "link"
    disk.mkdir(parents=True)
    link.symlink_to(disk)
    prepare_run_folder(PLAN, link)
    before = tree(disk)
    prepare_run_folder(replace(PLAN, seeds=(0, 1)), link, fresh=True)
    assert link.is_symlink()
    assert tree(tmp_path / "disk" / "run.1") == before
    check_run_folder(replace(PLAN, seeds=(0, 1)), disk)


@pytest.mark.parametrize("where", [".", "below"])
def test_fresh_in_the_current_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    prepare_run_folder(PLAN, tmp_path)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / where)
    before = tree(tmp_path)
    with pytest.raises(InputError, match="the folder that you are in"):
        prepare_run_folder(PLAN, Path("." if where == "." else ".."), fresh=True)
    assert tree(tmp_path) == before


def test_a_run_that_cannot_be_moved_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_run_folder(PLAN, tmp_path / "run")

    def busy(self: Path, target: Path) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Path, "rename", busy)
    before = tree(tmp_path)
    with pytest.raises(InputError, match=r"cannot be moved aside .*busy"):
        prepare_run_folder(PLAN, tmp_path / "run", fresh=True)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"fingerprint": "x"}', "null", "[" * 9999])
def test_a_damaged_run_is_an_error_and_kept_by_fresh(tmp_path: Path, text: str) -> None:
    out = tmp_path / "run"
    (out / "jobs").mkdir(parents=True)
    (out / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run\.json: not readable .*fresh=True"):
        prepare_run_folder(PLAN, out)
    prepare_run_folder(PLAN, out, fresh=True)
    check_run_folder(PLAN, out)
    assert (tmp_path / "run.1" / "run.json").read_text() == text


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "loop", "dangling"])
def test_a_name_that_cannot_be_a_folder_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for call in (prepare_run_folder, state_of):
        with pytest.raises(InputError, match="out: ") as caught:
            call(PLAN, tmp_path / name)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_an_out_that_is_no_folder_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"out: .* is not a folder"):
        prepare_run_folder(PLAN, tmp_path / name)


def test_an_out_that_cannot_be_made_is_an_error() -> None:
    if not Path("/proc/self").exists():
        pytest.skip("needs a file system where nobody can make a folder")
    with pytest.raises(InputError, match="out: /proc/runs cannot be made"):
        prepare_run_folder(PLAN, Path("/proc/runs"))


def test_a_folder_that_cannot_be_written_is_an_error() -> None:
    if not Path("/proc/self").exists():
        pytest.skip("needs a file system where nobody can make a file")
    with pytest.raises(InputError, match=r"/proc cannot be written"), lock_run(Path("/proc")):
        pass


def test_another_process_in_the_folder_is_an_error(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from a2ibench.bench.run_folder import lock_run\n"
        "with lock_run(Path(sys.argv[1])):\n    print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(InputError, match="another process runs in this folder"):
            prepare_run_folder(PLAN, tmp_path)
        other.kill()
        other.wait()
    # The lock of a process that was killed is void.
    with lock_run(tmp_path):
        pass
