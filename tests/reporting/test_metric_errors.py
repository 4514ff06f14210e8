"""Metrics that failed, odd versions and damaged records: told beside the tables, never a crash."""

from __future__ import annotations

import csv
import math
from dataclasses import replace

from a2ibench.bench.benchmark import Results
from a2ibench.bench.groups import group
from a2ibench.bench.run import read_run
from a2ibench.files import write_json
from a2ibench.reporting.tables import console_table, write_tables


def test_a_failed_metric_is_told_in_every_table(make_run):
    errors = {"sharpness": "ValueError: no\nedges"}
    run = make_run(make_run.job(method="net", scores={"psnr": 30.0}, metric_errors=errors))
    write_tables(read_run(run))
    line = "net on cells (seed 0): metric sharpness failed: ValueError: no edges"
    assert line in (run / "table.md").read_text()
    assert line in (run / "table.tex").read_text()
    (row,) = csv.DictReader((run / "table.csv").open())
    assert row["metric_errors"] == "sharpness failed: ValueError: no edges (seed 0)"
    assert line in str(console_table(read_run(run)).caption)
    assert read_run(run).to_frame()["metric_errors"].tolist() == ["sharpness failed: ValueError: no edges"]
    assert Results(read_run(run)).failed


def test_a_damaged_record_is_told(make_run):
    run = make_run(make_run.job(scores={"psnr": 30.0}), make_run.job(method="net", scores={"psnr": 31.0}))
    (run / "jobs" / "cells--net--s0" / "record.json").write_text('{"dataset": ')
    write_tables(read_run(run))
    assert [file.parent.name for file in read_run(run).damaged] == ["cells--net--s0"]
    assert "cells--net--s0: record.json is damaged" in (run / "table.md").read_text()


def test_versions_that_are_no_numbers_still_make_a_table(make_run):
    odd = [make_run.job(seed=n, scores={"psnr": 30.0}, version=v) for n, v in enumerate(("new", "2", "3"))]
    run = make_run(*odd, make_run.job(method="net", protocol="next", scores={"psnr": 30.0}))
    for seed, version in enumerate((None, [1]), start=1):
        record, *_ = make_run.job(seed=seed, scores={"psnr": 30.0}, version=version)
        write_json(run / "jobs" / f"cells--cubic--s{seed}" / "record.json", record)
    assert write_tables(read_run(run))
    text = (run / "table.md").read_text()
    assert "Protocol version 1; metric versions: psnr 0" in text
    assert "cells--cubic--s1: record.json is damaged" in text
    nan = [replace(one, provenance={"protocol_version": math.nan}) for one in read_run(run).records]
    assert len(group(nan)) == 2
