"""What a job's key depends on: the modules that it reaches by import, and no other."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest

from a2ibench.bench import code_digest
from a2ibench.bench.cache_key import code_of, job_key
from a2ibench.bench.code_digest import reached
from a2ibench.bench.job import Job
from a2ibench.contracts import Budget, Context, DatasetSpec, Simulation
from a2ibench.reconstruction.identity import identity
from a2ibench.reconstruction.options import ReconstructOptions, resolve_method

ROOT = Path(__file__).parents[2]
SPEC = DatasetSpec("d", "D", (3.0, 1.0, 1.0), phantom={"size": 8}, simulate=Simulation(3.0))
LEARNED = {"plain", "srmd", "pssr", "swinir", "a2i-3dem"}
METHODS = LEARNED | {"cubic"}
JOBS = {name: Job(SPEC, name, 0, "smoke", Budget(steps=1), metrics=("psnr",)) for name in METHODS}
JOBS["ssim"] = Job(SPEC, "cubic", 0, "smoke", Budget(steps=1), metrics=("psnr", "ssim"))
EVERY = set(JOBS)
ATTENTION = {"pssr", "swinir", "a2i-3dem"}

STALE = {
    "a2ibench/bench/run_job.py": EVERY,
    "a2ibench/bench/scores_file.py": EVERY,
    "a2ibench/contracts/grid.py": EVERY,
    "a2ibench/data/formats/raw.py": EVERY,
    "a2ibench/data/intensity_range.py": EVERY,
    "a2ibench/data/phantom/render.py": EVERY,
    "a2ibench/data/fetch/archives.py": EVERY,
    "a2ibench/degradations/models.py": EVERY,
    "a2ibench/external/command_method.py": EVERY,
    "a2ibench/isolation/__init__.py": EVERY,
    "a2ibench/metrics/fourier.py": EVERY,
    "a2ibench/metrics/psnr.py": EVERY,
    "a2ibench/protocol/blocks.py": EVERY,
    "a2ibench/protocol/resample.py": EVERY,
    "a2ibench/registry/validation.py": EVERY,
    "a2ibench/settings.py": EVERY,
    "a2ibench/validation/held_out.py": EVERY,
    "a2ibench/metrics/ssim.py": {"ssim"},
    "a2ibench/metrics/fsc.py": set(),
    "a2ibench/protocol/slice_network.py": LEARNED,
    "a2ibench/protocol/training.py": LEARNED,
    "a2ibench/protocol/training_state.py": LEARNED,
    "a2ibench/layers/window_attention.py": ATTENTION,
    "plugins/a2ibench_a2i3dem/loss.py": {"a2i-3dem"},
    "plugins/a2ibench_cubic/method.py": {"cubic", "ssim"},
    "plugins/a2ibench_plain/method.py": {"plain"},
    "plugins/a2ibench_pssr/degradation.py": {"pssr"},
    "plugins/a2ibench_srmd/degradation.py": {"srmd"},
    "plugins/a2ibench_swinir/network.py": {"swinir"},
    "a2ibench/api.py": set(),
    "a2ibench/bench/executors/process.py": set(),
    "a2ibench/bench/bundle/__init__.py": set(),
    "a2ibench/bench/gate/rules.py": set(),
    "a2ibench/bench/kept_planes.py": set(),
    "a2ibench/bench/plan.py": set(),
    "a2ibench/cli/run.py": set(),
    "a2ibench/cluster/client.py": set(),
    "a2ibench/data/formats/raw_writer.py": set(),
    "a2ibench/data/writing/partial.py": set(),
    "a2ibench/degradations/distortions.py": set(),
    "a2ibench/inspection/checks.py": set(),
    "a2ibench/recommendation/trial.py": set(),
    "a2ibench/reconstruction/streaming.py": set(),
    "a2ibench/reporting/board/__init__.py": set(),
    "a2ibench/reporting/page/viewer.py": set(),
    "a2ibench/reporting/paper/table.py": set(),
    "a2ibench/reporting/published/matching.py": set(),
    "a2ibench/reporting/tables.py": set(),
    "a2ibench/scaffold/__init__.py": set(),
    "a2ibench/statistics.py": set(),
    "a2ibench/testing/suite.py": set(),
}


@pytest.fixture
def edit(monkeypatch: pytest.MonkeyPatch):
    """Let one file have another content, as far as digests tell."""
    content = code_digest._content

    def edit(name: str) -> None:
        edited = ROOT / name
        assert edited.is_file()

        def changed(file: Path, number: int) -> str:
            return "another line" if file == edited else content(file, number)

        monkeypatch.setattr(code_digest, "_content", changed)

    return edit


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    return {name: job_key(job) for name, job in JOBS.items()}


@pytest.mark.parametrize("name", STALE)
def test_a_change_of_code_makes_those_jobs_stale_that_use_it(edit, keys: dict[str, str], name: str) -> None:
    edit(name)
    assert {job for job in JOBS if job_key(JOBS[job]) != keys[job]} == STALE[name]


def test_every_package_has_its_line_above() -> None:
    packages = {file.parent.relative_to(ROOT) for file in ROOT.glob("a2ibench/**/*.py")}
    packages |= {file.parent.relative_to(ROOT) for file in ROOT.glob("plugins/a2ibench_*/*.py")}
    tried = {parent for name in STALE for parent in Path(name).parents}
    inner = {"a2ibench/testing/methods", "a2ibench/testing/degradations"}
    assert {package.as_posix() for package in packages - tried} <= inner


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("a2ibench/data/writing/partial.py", True),
        ("a2ibench/data/formats/raw_writer.py", True),
        ("a2ibench/data/formats/tiff.py", True),
        ("a2ibench/reconstruction/streaming.py", True),
        ("a2ibench/protocol/training.py", True),
        ("a2ibench/reporting/orthogonal.py", False),
        ("a2ibench/layers/window_attention.py", False),
        ("a2ibench/data/phantom/render.py", False),
        ("a2ibench/bench/gate/rules.py", False),
    ],
)
def test_a_reconstruction_goes_on_only_with_the_code_that_began_it(edit, name: str, counts: bool) -> None:
    def code() -> dict[str, object]:
        options = ReconstructOptions("srmd")
        return identity("", 3.0, options, resolve_method(options), Context())

    before = code()
    edit(name)
    assert (code() != before) == counts


def imported(file: Path) -> set[str]:
    """Return what a file imports of a2ibench, by parsing all of it."""
    tree = ast.parse(file.read_text())
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.startswith("a2ibench.")}


def test_the_fast_way_finds_what_parsing_finds() -> None:
    files = [*ROOT.glob("a2ibench/**/*.py"), *ROOT.glob("plugins/a2ibench_*/*.py")]
    assert len(files) > 150
    # What a2ibench lends, it names in a table, too.
    for file in set(files) - {ROOT / "a2ibench/__init__.py"}:
        extra = code_digest._names(file) - imported(file)
        assert imported(file) <= code_digest._names(file)
        assert len(extra) <= 8, (file, extra)


NETWORK, RESAMPLE = "a2ibench.protocol.slice_network", "a2ibench.protocol.resample"
SPELLINGS = {
    "from a2ibench import SliceNetwork": {NETWORK},
    "def f():\n    from a2ibench import interpolate, SliceNetwork as Base": {NETWORK, RESAMPLE},
    "from a2ibench import (  # ) not the end\n    interpolate,\n)": {RESAMPLE},
    "from a2ibench import \\\n    interpolate": {RESAMPLE},
    "import os; import a2ibench\n\na2ibench.interpolate": {RESAMPLE},
    "import os, a2ibench as bench\n\nbench.SliceNetwork": {NETWORK},
    "import a2ibench.protocol.resample as r": {RESAMPLE},
    "if True: from a2ibench.protocol import resample": {RESAMPLE},
    "try:\n\timport a2ibench.protocol.resample\nexcept ImportError: pass": {RESAMPLE},
    'import importlib\nimportlib.import_module("a2ibench.protocol.resample")': {RESAMPLE},
    'from importlib import import_module\nimport_module(f"a2ibench.protocol.{name}")': {NETWORK, RESAMPLE},
    "from a2ibench import *": {NETWORK, RESAMPLE},
    "from a2ibench.protocol.resample import *": {RESAMPLE},
    "if TYPE_CHECKING:\n    from a2ibench import SliceNetwork\n\nx = 1": set(),
    "from a2ibench import Volume": set(),
    "from a2ibench.nowhere import x": set(),
    "from . import a2ibench": set(),
    "a2ibench = (": set(),
}


@pytest.mark.parametrize("text", SPELLINGS)
def test_every_way_to_import_is_followed(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(text + "\n")
    found = set(reached([], [file, tmp_path / "gone.py"]))
    # The network reaches the other by itself.
    expected = SPELLINGS[text] | ({RESAMPLE} if NETWORK in SPELLINGS[text] else set())
    assert found & {NETWORK, RESAMPLE} == expected


def test_a_public_name_does_not_bring_the_others() -> None:
    assert "a2ibench.protocol.training" not in reached(["a2ibench.interpolate"])
    assert set(reached(["a2ibench.Volume"])) == set(reached(["a2ibench.contracts"]))


@pytest.mark.alone
def test_finding_them_is_fast() -> None:
    code_digest._imports.cache_clear()
    code_digest._located.cache_clear()
    start = time.perf_counter()
    code_of("a2i-3dem", code_digest.core_digest("a2ibench.bench.run_job"))
    assert time.perf_counter() - start < 0.5
