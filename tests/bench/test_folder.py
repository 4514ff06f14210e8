from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from a2ibench.bench.folder import check_run_folder, lock_run, prepare_run_folder
from a2ibench.bench.plan import Plan
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
        (replace(PLAN, methods=("cubic", "srmd")), "other --methods (there cubic, now cubic, srmd)"),
        (replace(PLAN, seeds=(0, 1)), "other --seeds (there 0, now 0, 1)"),
        (replace(PLAN, settings={"cubic": {"a": -0.75}}), "other --set (there none, now cubic.a=-0.75)"),
        (
            replace(PLAN, profile="quick", precision="fp32"),
            "other --profile (there smoke, now quick) and other --precision (there auto, now fp32)",
        ),
        (
            replace(PLAN, datasets=(replace(PLAN.datasets[0], bin=2),)),
            "other --datasets or their definitions (there thin, now thin)",
        ),
    ],
)
def test_another_plan_is_told_which_option_differs(tmp_path: Path, other: Plan, message: str) -> None:
    prepare_run_folder(PLAN, tmp_path)
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(InputError) as caught:
        prepare_run_folder(other, tmp_path)
    assert message in str(caught.value)
    assert "choose another --out, or add --fresh" in str(caught.value)
    assert (tmp_path / "run.json").read_bytes() == before


def test_fresh_removes_what_a_run_wrote_and_nothing_else(tmp_path: Path) -> None:
    prepare_run_folder(PLAN, tmp_path)
    job = "jobs/thin--cubic--s0"
    written = [f"{job}/record.json", f"{job}/checkpoint/w", "table.csv", "report.html", "figures/thin.png"]
    mine = ["notes.txt", "jobs/mine/kept.txt", "figures/mine.txt", "table.ods"]
    for name in written + mine:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    other = replace(PLAN, seeds=(0, 1))
    prepare_run_folder(other, tmp_path, fresh=True)
    assert not any((tmp_path / name).exists() for name in written)
    assert all((tmp_path / name).exists() for name in mine)
    check_run_folder(other, tmp_path)


def test_fresh_removes_the_folders_it_emptied(tmp_path: Path) -> None:
    prepare_run_folder(PLAN, tmp_path)
    (tmp_path / "jobs/thin--cubic--s0").mkdir(parents=True)
    prepare_run_folder(PLAN, tmp_path, fresh=True)
    assert not (tmp_path / "jobs").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"fingerprint": "x"}', "null"])
def test_a_damaged_run_json_is_an_error_unless_fresh(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run\.json: not readable .*--fresh"):
        prepare_run_folder(PLAN, tmp_path)
    prepare_run_folder(PLAN, tmp_path, fresh=True)
    check_run_folder(PLAN, tmp_path)


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_an_out_that_is_no_folder_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"--out: .* is not a folder"):
        prepare_run_folder(PLAN, tmp_path / name)


def test_an_out_that_cannot_be_made_is_an_error() -> None:
    if not Path("/proc/self").exists():
        pytest.skip("needs a file system where nobody can make a folder")
    with pytest.raises(InputError, match="--out: /proc/runs cannot be made"):
        prepare_run_folder(PLAN, Path("/proc/runs"))


def test_a_folder_that_cannot_be_written_is_an_error() -> None:
    if not Path("/proc/self").exists():
        pytest.skip("needs a file system where nobody can make a file")
    with pytest.raises(InputError, match=r"/proc cannot be written"):
        prepare_run_folder(PLAN, Path("/proc"))


def test_another_process_in_the_folder_is_an_error(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from a2ibench.bench.folder import lock_run\n"
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
