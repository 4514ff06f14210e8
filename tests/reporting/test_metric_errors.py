"""Metrics that failed, odd versions and damaged records: told beside the tables, never a crash."""

from __future__ import annotations

import csv
import math

from a2ibench.bench.record import damaged_records, read_records
from a2ibench.benchmark import Results
from a2ibench.reporting.results import group
from a2ibench.reporting.tables import console_table, frame, write_tables


def test_a_failed_metric_is_told_in_every_table(make_run):
    errors = {"sharpness": "ValueError: no\nedges"}
    run = make_run(make_run.job(method="net", scores={"psnr": 30.0}, metric_errors=errors))
    write_tables(run)
    line = "net on cells (seed 0): metric sharpness failed: ValueError: no edges"
    assert line in (run / "table.md").read_text()
    assert line in (run / "table.tex").read_text()
    (row,) = csv.DictReader((run / "table.csv").open())
    assert row["metric_errors"] == "sharpness failed: ValueError: no edges (seed 0)"
    assert line in str(console_table(read_records(run), run).caption)
    assert frame(read_records(run))["metric_errors"].tolist() == ["sharpness failed: ValueError: no edges"]
    assert Results(run, read_records(run)).failed


def test_a_damaged_record_is_told(make_run):
    run = make_run(make_run.job(scores={"psnr": 30.0}), make_run.job(method="net", scores={"psnr": 31.0}))
    (run / "jobs" / "cells--net--s0" / "record.json").write_text('{"dataset": ')
    write_tables(run)
    assert [file.parent.name for file in damaged_records(run)] == ["cells--net--s0"]
    assert "cells--net--s0: record.json is damaged" in (run / "table.md").read_text()


def test_versions_that_are_no_numbers_still_make_a_table(make_run):
    odd = [make_run.job(seed=n, scores={"psnr": 30.0}, version=v) for n, v in enumerate(("new", None, [1]))]
    run = make_run(*odd, make_run.job(method="net", protocol="next", scores={"psnr": 30.0}))
    assert write_tables(run)
    nan = [record | {"provenance": {"protocol_version": math.nan}} for record in read_records(run)]
    assert len(group(nan)) == 2
