"""Commands as methods: the same scores as a plugin's, every failure in words, nothing left behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from a2ibench.bench.cache_key import job_key
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run
from a2ibench.bench.record import Record
from a2ibench.bench.run_file import combined_options, read_run_file
from a2ibench.errors import InputError

RunOne = Callable[..., Record]
Script = Callable[..., str]


@pytest.mark.parametrize("form", ["tif", "mrc", "h5", "npy"])
def test_a_cubic_of_ones_own_scores_what_ours_does(record_of: RunOne, cubic: Script, form: str) -> None:
    # Of this slope at this ratio no exact half needs rounding, which only the same arithmetic rounds alike.
    ours = record_of("cubic", out="ours", settings={"cubic": {"a": -1.0}})
    theirs = record_of("own", commands={"own": {"command": cubic(), "format": form}})
    assert (theirs.status, theirs.error) == ("ok", None)
    assert theirs.metrics["psnr"] == ours.metrics["psnr"]


SAME_ARITHMETIC = """
import sys
import numpy as np, tifffile
from a2ibench import AxialGrid, interpolate

data, ratio = tifffile.imread(sys.argv[1]), float(sys.argv[3])
out = interpolate(np.float32(data) * np.float32(1 / 255), AxialGrid(len(data), ratio))
levels = np.rint(np.round(out.astype(float) * 255, 6)).clip(0, 255)
tifffile.imwrite(sys.argv[2], levels.astype(np.uint8))
"""


def test_the_same_arithmetic_scores_the_same_to_the_last_digit(record_of: RunOne, script: Script) -> None:
    command = script(SAME_ARITHMETIC, "{input} {output} {ratio}")
    theirs = record_of("own", commands={"own": {"command": command}})
    assert theirs.metrics["psnr"] == record_of("cubic", out="ours").metrics["psnr"]


def test_half_a_voxel_off_scores_less_and_is_said(record_of: RunOne, cubic: Script, tmp_path: Path) -> None:
    right, shifted = (
        record_of(name, out=name, reporters="tables", commands={name: {"command": cubic(-1.0, shift)}})
        for name, shift in (("right", 0.0), ("shifted", 0.5))
    )
    assert shifted.metrics["psnr"].value < right.metrics["psnr"].value - 0.3
    assert "misaligned" not in right.provenance
    (found,) = re.findall(
        r"content lies ([\d.]+) voxels too (?:high|low) along z", shifted.provenance["misaligned"]
    )
    # Half a slice of the input, whose noise of single voxels blurs what is found.
    assert float(found) == pytest.approx(1.5, abs=0.3)
    assert "off the grid: its content lies" in (tmp_path / "shifted" / "table.md").read_text()


TELL = """
import json, os, sys
import numpy as np, tifffile
data = tifffile.imread(sys.argv[1])
with tifffile.TiffFile(sys.argv[1]) as file:
    spacing = file.imagej_metadata["spacing"], file.pages[0].tags["XResolution"].value
told = {"words": sys.argv[3:], "folder": os.getcwd(), "stdin": sys.stdin.read(), "spacing": spacing,
        "dtype": str(data.dtype), "shape": data.shape}
json.dump(told, open("told.json", "w"))
block = bytearray(200_000_000)
print("a line for the log")
tifffile.imwrite(sys.argv[2], np.repeat(data, 3, axis=0))
"""
WORDS = "{ratio} {n_out} {voxel_size_z}/{voxel_size_y}/{voxel_size_x} {seed} {threads}"
WORDS += " 'two words' {{brace}} --t=$HOME"


def test_what_a_command_is_told_and_what_is_recorded(
    record_of: RunOne,
    script: Script,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    command = script(TELL, f"{{input}} {{output}} {WORDS}")
    table = {"command": command, "version": "2.1 beta", "citation": "Doe 2020", "folder": str(tmp_path)}
    record = record_of("mine", commands={"mine": table}, seeds=[4])
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["words"] == ["3", "24", "30/10/10", "4", "3", "two words", "{brace}", "--t=$HOME"]
    assert (told["folder"], told["stdin"]) == (str(tmp_path), "")
    assert (told["dtype"], told["shape"]) == ("uint8", [8, 20, 16])
    assert told["spacing"] == [0.03, [100, 1]]
    # Beside its 200 MB are those of Python and NumPy.
    assert 200e6 < record.memory["external"] < 400e6
    assert record.memory["process"] >= record.memory["external"]
    folder = tmp_path / "run" / "jobs" / record.name
    assert "a line for the log" in capsys.readouterr().err
    assert not list(folder.glob("exchange-*"))
    kept = record.provenance["command"]
    assert (kept["command"], kept["version"], kept["citation"]) == (command, "2.1 beta", "Doe 2020")
    assert list(kept["files"]) == [str(tmp_path / "tool.py")]
    assert record.timings["reconstruct"] > 0.1 > record.timings["fit"]


IMAGE = "import sys, numpy as np, tifffile; d = tifffile.imread(sys.argv[1]); w = sys.argv[2]\n"
REFUSED = {
    "shape": (
        IMAGE + "tifffile.imwrite(w, d)",
        r"wrote 8 x 20 x 16 voxels \(z, y, x\); write 24 x 20 x 16, \(n_out, y, x\)",
    ),
    "nan": (
        IMAGE + "o = np.float32(np.repeat(d, 3, 0)); o[0, 0, :2] = np.nan; tifffile.imwrite(w, o)",
        "wrote 2 values that are NaN or infinite; write finite grey levels",
    ),
    "missing": ("print('all well')", "wrote no output; .* its last line: all well"),
    "damaged": (
        "import sys; open(sys.argv[2], 'w').write('no TIFF')",
        r"wrote an output that cannot be read: not a readable TIFF",
    ),
    "code": (
        "import sys; print('one'); sys.exit('the licence is over')",
        "ended with code 1; its last line: the licence is over",
    ),
    "137": ("import sys; sys.exit(137)", "ended with code 137, which a shell or .* signal 9 ended"),
    "killed": (
        "import os; os.kill(os.getpid(), 9)",
        r"mine was killed by signal 9 \(SIGKILL\); if nobody did so by hand, memory may have run out; "
        r"see log.txt",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_every_failure_is_said_in_words(record_of: RunOne, script: Script, case: str) -> None:
    source, message = REFUSED[case]
    record = record_of("mine", datasets="thin", commands={"mine": {"command": script(source)}})
    assert record.status == "error"
    assert record.error is not None
    assert re.search(message, record.error.message), record.error.message


MEMORY = {
    "python": "import numpy; numpy.empty(1 << 60, 'u1')",
    "c++": "import os, sys; sys.stderr.write('what():  std::bad_alloc\\n'); sys.stderr.flush(); os.abort()",
    "matlab": "import sys; print('Out of memory.'); sys.exit(1)",
}


@pytest.mark.parametrize("case", MEMORY)
def test_a_lack_of_memory_is_told_from_other_failures(record_of: RunOne, script: Script, case: str) -> None:
    table = {"command": script(MEMORY[case])}
    assert record_of("mine", datasets="thin", commands={"mine": table}).status == "oom"


CLINGING = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(600)"],
                         start_new_session=True)
open("pids.new", "w").write(f"{os.getpid()} {child.pid}")
os.rename("pids.new", "pids")
time.sleep(600)
"""


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a process group is all there is")
def test_a_command_that_hangs_is_stopped_with_all_that_it_started(
    record_of: RunOne, script: Script, tmp_path: Path
) -> None:
    table = {"command": script(CLINGING), "folder": str(tmp_path)}
    for seconds in (3, 15, 90):
        options = {"executor": "process", "timeout": seconds, "datasets": "thin", "out": str(seconds)}
        record = record_of("mine", commands={"mine": table}, **options)
        # A machine that is busy may not have come to the command.
        if (tmp_path / "pids").exists():
            break
    words = f"stopped after {seconds} s; allow more time (timeout)"
    assert (record.status, record.message) == ("timeout", words)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    assert not any(map(lives, pids))


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"command": "no-such-tool {input} {output}"}, "'no-such-tool': no such program; install it"),
        ({"command": "./no-such-tool {input} {output}"}, "'./no-such-tool': no such program"),
        ({"command": "true {input} {ouput}"}, "unknown placeholder {ouput}; known: {input}, {output}"),
        ({"command": "true {input} {output} {ratio:.2f}"}, "unknown placeholder {ratio:.2f}"),
        ({"command": "true {input}"}, "has no {output}; put it where the file's path belongs"),
        ({"command": "true {input} {output} }"}, "a brace is not closed"),
        ({"command": "true '{input} {output}"}, "no closing quotation"),
        ({"command": "true {input} | cat > {output}"}, "no shell runs it; put it into a script"),
        ({"command": "{input} {output}"}, "begins with a placeholder; begin with the program"),
        ({"command": " "}, "is ' '; give a text"),
        ({"command": "true {input} {output}", "format": "nrrd"}, "give one of tif, mrc, h5, npy"),
        ({"comand": "true"}, "unknown key 'comand'"),
        ({}, "has no command"),
    ],
)
def test_bad_commands_are_refused_before_anything_runs(table: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        plan_run(RunOptions("mine", "phantom", profile="smoke", commands={"mine": table}))
    assert problem in str(caught.value)
    assert "mine" in str(caught.value)


def test_names_of_other_rows_and_settings_are_refused(script: Script) -> None:
    mine = {"command": script("")}
    for options, problem in (
        ({"commands": {"srmd": mine}}, "commands: srmd is a registered method; choose another name"),
        (
            {"commands": {"mine": mine}, "variants": {"mine": {"method": "cubic"}}},
            "commands: mine is a variant, too",
        ),
        (
            {"commands": {"mine": mine}, "settings": ["mine.a=1"]},
            "mine is a command, which has no settings; write them into the command",
        ),
    ):
        with pytest.raises(InputError, match=problem):
            plan_run(RunOptions("cubic", "phantom", profile="smoke", **options))


FILE = """
profile = "smoke"
datasets = "phantom"
[{table}.mine]
command = "./tool --script={{{{x}}}} {{input}} {{output}}"
"""


def planned(file: Path, **given: Any) -> list[str]:
    return [job.method for job in plan_run(combined_options(read_run_file(file), given)).jobs()]


@pytest.mark.parametrize("table", ["methods", "commands"])
def test_run_files_declare_commands_beside_methods(tmp_path: Path, table: str) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    file = tmp_path / "bench.toml"
    file.write_text(FILE.format(table=table))
    assert {"cubic", "plain"} < set(planned(file))
    assert planned(file)[-1] == "mine"
    assert planned(file, methods="mine") == ["mine"]
    assert planned(file, methods="cubic") == ["cubic"]
    if table == "commands":
        file.write_text('methods = ["srmd"]\n' + FILE.format(table=table))
        assert planned(file) == ["srmd", "mine"]
    file.write_text(FILE.format(table="methods") + '[commands.mine]\ncommand = "./tool {input} {output}"\n')
    with pytest.raises(InputError, match=r"\[methods.mine\] and \[commands.mine\] are one"):
        read_run_file(file)


def test_a_command_runs_again_when_its_files_change(record_of: RunOne, cubic: Script, tmp_path: Path) -> None:
    options: dict[str, Any] = {"commands": {"mine": {"command": cubic()}}}
    first = record_of("mine", **options)
    assert record_of("mine", **options).provenance["finished"] == first.provenance["finished"]
    keys = {first.provenance["key"]}
    for edited, table in (("# edited\n", {}), ("", {"format": "npy"})):
        with (tmp_path / "cubic.py").open("a") as file:
            file.write(edited)
        options["commands"]["mine"] |= table
        keys.add(plan_key(options, tmp_path))
    assert len(keys) == 3


def plan_key(options: dict[str, Any], folder: Path) -> str:
    given = {"metrics": ["psnr"], "device": "cpu", "catalogue": folder / "datasets.toml", **options}
    (job,) = plan_run(RunOptions(["mine"], ["full"], profile="smoke", **given)).jobs()
    return job_key(job)


def test_the_command_line_says_what_is_wrong_and_where(tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"
    file.write_text('[commands.mine]\ncommand = "true {input} {ouput}"\n')
    command = [sys.executable, "-m", "a2ibench", "run", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"a2ibench: error: {file}: commands: [mine]: unknown placeholder {{ouput}}; "
    )
    assert len(done.stderr.splitlines()) == 1
