"""The leaderboard: who is on it, what may share a table, and a page that shows hostile names as text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from a2ibench.bench.bundle.writing import write_bundle
from a2ibench.bench.growth import fingerprint
from a2ibench.bench.record import Record, write_record
from a2ibench.bench.score import Score
from a2ibench.errors import InputError
from a2ibench.reporting.board.board import write_board
from a2ibench.reporting.board.entries import read_entries

soup = pytest.importorskip("bs4", reason="needs beautifulsoup4, of the extra test").BeautifulSoup

Make = Callable[..., Path]
HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that writes a bundle of one method: ``make(name, psnr by seed, protocol)``."""

    def bundle(name: str, scores: list[float], protocol: int = 2, method: str = "cubic") -> Path:
        run = tmp_path / f"run-{name}"
        for seed, score in enumerate(scores):
            folder = run / "jobs" / f"cells--{method}--s{seed}"
            folder.mkdir(parents=True)
            rows = {f"psnr.{plane}": np.full(4, score, np.float32) for plane in ("xz", "yz")}
            np.savez_compressed(folder / "scores.npz", **rows)
            told = {"protocol_version": protocol, "profile": "quick", "distribution": HOSTILE, "version": "1",
                    "dataset": {"name": "cells", "sha256": "a" * 64, "definition": {"bin": 1}}}  # fmt: skip
            write_record(
                folder, Record("cells", method, seed, metrics={"psnr": Score(score, 1)}, provenance=told)
            )
        plan = {"datasets": [{"name": "cells"}], "methods": [method], "seeds": list(range(len(scores)))}
        content = {"identity": {}, "fingerprint": fingerprint({}), "plan": plan, "environment": {}}
        (run / "run.json").write_text(json.dumps(content))
        return write_bundle(run, tmp_path / f"{name}.zip")

    return bundle


def entry(
    name: str, bundle: str, status: str = "reported", more: str = "", submitter: str = "A. Nonymous"
) -> str:
    return (
        f"[[entry]]\nname = {json.dumps(name)}\nbundle = {json.dumps(bundle)}\n"
        f"submitter = {json.dumps(submitter)}\nstatus = {json.dumps(status)}\n{more}\n"
    )


def test_the_board_has_every_entry_and_a_table_for_each_protocol(make: Make, tmp_path: Path) -> None:
    bundles = [make("first", [30.0, 31.0]), make("second", [32.0]), make("third", [33.0], protocol=1)]
    file = tmp_path / "board.toml"
    file.write_text(
        entry("first", "first.zip", "own", 'superseded_by = "second"')
        + entry("second", "second.zip", "repeated", submitter=HOSTILE)
        + entry("third", "third.zip")
    )
    written = write_board(read_entries(file, bundles), tmp_path / "site")
    assert [path.name for path in written] == ["index.html", "board.json"]
    told = json.loads(written[1].read_bytes())
    assert [(table["protocol_version"], len(table["rows"])) for table in told["tables"]] == [(2, 2), (1, 1)]
    rows = {row["entry"]: row for table in told["tables"] for row in table["rows"]}
    assert rows["first"]["values"] == [30.5]  # the mean of two seeds
    assert rows["first"]["seeds"] == 2
    assert rows["first"]["superseded_by"] == "second"
    assert [row["entry"] for row in told["tables"][0]["rows"]] == ["second", "first"]

    text = written[0].read_text(encoding="utf-8")
    page = soup(text, "html.parser")
    assert not page.find_all("img")
    assert HOSTILE in page.get_text()
    assert [table.find_previous("h3").get_text() for table in page.find_all("table")] == [
        "Protocol version 2", "Protocol version 1",
    ]  # fmt: skip
    first, _ = page.find_all("table")
    assert [body.get("class") for body in first.find_all("tbody")] == [None, ["controls"]]
    assert "superseded by second" in first.find_all("tbody")[1].get_text()
    marks = {row.th.get_text(): row.find(class_="mark").get_text() for row in page.select("tr[data-method]")}
    assert marks == {"first": "own", "second": "repeated by others", "third": "reported"}
    assert "default-src 'none'" in page.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
    assert not page.find_all(src=True)
    assert len(page.find_all("h1")) == 1
    assert all(table.caption and table.find_all("th", scope="col") for table in page.find_all("table"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no entry of first.zip; add one"),
        (entry("a", "first.zip") + entry("b", "gone.zip"), "the bundle of 'b', gone.zip, was not given"),
        (entry("a", "first.zip") + entry("a", "gone.zip"), "'a' is the name of 2 entries"),
        (entry("a", "first.zip") + entry("b", "first.zip"), "two entries have one bundle"),
        (entry("a", "first.zip", "best"), "entry 1: a value .*; status is one of own, reported, repeated"),
        (entry("a", "first.zip", more='superseded_by = "b"'), "'a' is superseded by 'b', which is no entry"),
        (entry("a", "first.zip", more='superseded_by = "a"'), "'a' is superseded by itself"),
        (entry("a", "first.zip", more="rank = 1"), "entry 1: unknown key 'rank'"),
        ('[[entry]]\nname = "a"\n', "entry 1: has no bundle; give it"),
        ("rank = 1\n", "unknown key 'rank'"),
    ],
)
def test_entries_that_do_not_fit_are_refused(make: Make, tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "board.toml"
    file.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        read_entries(file, [make("first", [30.0])])
    assert str(caught.value).startswith(f"{file}: ")


def test_an_edited_bundle_is_not_on_the_board(make: Make, tmp_path: Path) -> None:
    path = make("first", [30.0])
    (tmp_path / "board.toml").write_text(entry("a", "first.zip"))
    entries = read_entries(tmp_path / "board.toml", [path])
    path.write_bytes(path.read_bytes().replace(b"30.0", b"39.0", 1))
    with pytest.raises(InputError, match=r"first.zip: is damaged"):
        write_board(entries, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_it_sorts_in_a_browser_without_an_error(make: Make, tmp_path: Path, browser: Any) -> None:
    bundles = [make("first", [30.0]), make("second", [32.0])]
    (tmp_path / "board.toml").write_text(entry("first", "first.zip") + entry("second", "second.zip"))
    page_file, _ = write_board(read_entries(tmp_path / "board.toml", bundles), tmp_path / "site")
    errors: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(page_file.as_uri())
    names = page.locator("tbody tr th")
    assert names.all_inner_texts() == ["second", "first"]
    page.get_by_role("button", name="entry").click()
    assert names.all_inner_texts() == ["first", "second"]
    page.close()
    assert errors == []


def test_everybody_can_use_it(make: Make, tmp_path: Path, complaints: Callable[..., list[str]]) -> None:
    bundles = [make("first", [30.0]), make("second", [32.0])]
    parts = entry("first", "first.zip", more='superseded_by = "second"') + entry("second", "second.zip")
    (tmp_path / "board.toml").write_text(parts)
    page_file, _ = write_board(read_entries(tmp_path / "board.toml", bundles), tmp_path / "site")
    assert complaints(page_file) == []
