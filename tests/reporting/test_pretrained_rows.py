"""Rows of methods that began with weights from other volumes: marked, with a gain, and never ranked."""

from __future__ import annotations

import pandas as pd
import pytest

from a2ibench.bench.provenance import seen_before, trained_on
from a2ibench.bench.run import read_run
from a2ibench.reporting.tables import write_tables

SEEN = {"other.tif": ("0" * 64, "1" * 64)}


@pytest.fixture
def run(make_run):
    head = {"model": {"params": 7}}
    begun = make_run.job("cells", "begun", scores={"psnr": 33.0}, **head)
    begun[0]["provenance"]["trained_on"] = sorted(SEEN)
    jobs = [
        make_run.job("cells", name, scores={"psnr": psnr}) for name, psnr in (("cubic", 30.0), ("net", 32.0))
    ]
    return read_run(make_run(*jobs, begun))


def test_they_have_a_gain_and_no_rank(run) -> None:
    standings = {method: found["psnr"] for (_, method), found in run.standings().items()}
    assert {method: one.best for method, one in standings.items()} == {
        "cubic": "net",
        "net": "net",
        "begun": "",
    }
    assert standings["begun"].gain.value == 3
    assert not standings["begun"].lead.known


def test_tables_mark_them(run) -> None:
    write_tables(run)
    table = pd.read_csv(run.folder / "table.csv").set_index("method")
    assert table["pretrained"].to_dict() == {"cubic": False, "net": False, "begun": True}
    text = (run.folder / "table.md").read_text()
    assert "| begun (pretrained) | 33.00 |" in text
    assert "**32.00**" in text
    assert "(pretrained): began with weights trained on other volumes, and has no rank" in text


def test_what_the_weights_have_seen_is_no_test() -> None:
    assert seen_before(SEEN, {"sha256": "1" * 64}) == "its weights were trained on this volume (other.tif)"
    assert seen_before(SEEN, {"sha256": "2" * 64}) is None
    assert seen_before(SEEN, {}) is None


def test_methods_tell_one_checksum_or_several() -> None:
    told = type("Method", (), {"trained_on": {"a.tif": "2" * 64, "b.tif": ["3" * 64]}})()
    assert trained_on(told) == {"a.tif": ("2" * 64,), "b.tif": ("3" * 64,)}
    assert trained_on(object()) == {}
