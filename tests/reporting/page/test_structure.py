"""report.html as a browser's parser takes it."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from bs4 import BeautifulSoup

import a2ibench
from a2ibench.bench.run import Run
from a2ibench.reporting.page import page as module
from a2ibench.reporting.page.curves import charts
from a2ibench.reporting.page.page import page, write_page
from a2ibench.reporting.tables import summary_frame


@pytest.fixture(scope="module")
def run(make_many_once):
    return make_many_once(3, 2, 3, slices=24, steps=20)


@pytest.fixture(scope="module")
def written(run):
    (path,) = write_page(run)
    return path


@pytest.fixture(scope="module")
def soup(written):
    return BeautifulSoup(written.read_text(encoding="utf-8"), "html.parser")


def test_the_file_is_written_whole_and_the_same_again(run, written):
    assert written == run.folder / "report.html"
    before = written.read_bytes()
    write_page(run)
    assert written.read_bytes() == before
    assert not list(run.folder.glob(".*.tmp"))
    assert write_page(Run(run.folder)) == []


def test_nothing_is_loaded_from_elsewhere(soup):
    for element in soup.find_all(True):
        for name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
            value = element.get(name)
            assert value is None or value.startswith(("#", "data:")), element
        assert "@import" not in element.get("style", "")
    style = soup.style.string
    assert "url(" not in style
    assert "@import" not in style
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "http" not in policy


def test_only_the_scripts_of_the_page_may_run(soup):
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    scripts = [script.string for script in soup.find_all("script")]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    assert re.findall(r"'sha256-([^']+)'", policy) == digests
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert not [name for element in soup.find_all(True) for name in element.attrs if name.startswith("on")]


def test_the_structure_is_one_that_readers_find_their_way_in(soup):
    assert soup.html["lang"] == "en"
    for landmark in ("header", "main", "nav", "footer"):
        assert len(soup.find_all(landmark)) == 1
    assert soup.nav["aria-label"]
    levels = [int(one.name[1]) for one in soup.find_all(re.compile(r"^h[1-6]$"))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    identifiers = Counter(one["id"] for one in soup.find_all(id=True))
    assert max(identifiers.values()) == 1
    for link in soup.nav.find_all("a"):
        assert link["href"][1:] in identifiers
    for one in soup.find_all(attrs={"aria-labelledby": True}):
        assert set(one["aria-labelledby"].split()) <= identifiers.keys()
    for table in soup.find_all("table"):
        assert table.caption.get_text(strip=True)
        assert all(head["scope"] for head in table.find_all("th"))
        assert table.parent["tabindex"] == "0"
        assert table.parent["role"] == "region"
    for button in soup.select("th button"):
        assert button.find_parent("th")["aria-sort"] in ("none", "ascending", "descending")
    for field in soup.select("input, select"):
        assert field.find_parent("label").get_text(strip=True)


def test_references_within_pictures_lead_somewhere_and_pictures_have_words(soup):
    identifiers = {one["id"] for one in soup.find_all(id=True)}
    pictures = soup.find_all("svg")
    assert len(pictures) == 22
    for picture in pictures:
        text = str(picture)
        used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text))
        assert {one or other for one, other in used} <= identifiers
        assert picture["role"] == "img"
        assert "method-02" in picture["aria-label"]
        assert not re.search(r'(?<!, )#[0-9a-f]{6}"', text), "a colour that is no variable"


def test_the_failures_come_first_and_the_viewer_after_the_ranking(run, monkeypatch):
    monkeypatch.setattr(module, "charts", lambda run: charts(run)[:1])
    monkeypatch.setattr(module, "viewer_section", lambda run, planes: "<p class='mine'>planes</p>")
    monkeypatch.setattr(module, "viewer_assets", lambda: (".mine{color:red}", "'</script>';"))
    soup = BeautifulSoup(page(run), "html.parser")
    sections = [one["id"] for one in soup.main.find_all("section", recursive=False)]
    assert sections[:4] == ["failures", "ranking", "look", "curves"]
    assert soup.select_one("#look p.mine").string == "planes"
    assert ".mine{color:red}" in soup.style.string
    assert [script.string for script in soup.find_all("script")][1] == r"'<\/script>';"


def test_a_chart_that_cannot_be_drawn_costs_only_itself(run, monkeypatch, caplog):
    first, second = charts(run)[:2]
    monkeypatch.setattr(module, "charts", lambda run: [replace(first, lines=(None,)), second])
    soup = BeautifulSoup(page(run), "html.parser")
    assert [figure["data-name"] for figure in soup.find_all("figure")] == [f"volume-0 {second.title}"]
    assert f"volume-0: {first.title}: " in caplog.text


def test_the_files_to_save_are_those_of_the_run(run, soup):
    files = {link["download"]: link["href"] for link in soup.select("#files a")}
    assert list(files) == ["table.csv", "table.md", "table.tex", "timing.csv", "citations.bib"]
    content = base64.b64decode(files["table.csv"].partition(",")[2]).decode()
    found, expected = pd.read_csv(io.StringIO(content)), summary_frame(run)
    assert list(found) == list(expected)
    assert found["psnr_mean"].tolist() == pytest.approx(expected["psnr_mean"].tolist())


def test_hostile_names_are_text_everywhere(hostile):
    text = page(hostile)
    soup = BeautifulSoup(text, "html.parser")
    assert len(soup.find_all("script")) == 1
    assert not soup.find_all("img")
    names = {name for element in soup.find_all(True) for name in element.attrs}
    assert not {name for name in names if name.startswith("on")}
    captions = [caption.get_text() for caption in soup.select("#ranking caption")]
    assert captions[0].startswith("<script>alert(1)</script>,")
    labels = [head.get_text() for head in soup.select("#ranking tbody th")]
    assert any("\"onload='alert(2)'" in label for label in labels)
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "a&amp;b" in str(soup.title)


def test_a_job_does_not_load_what_pages_are_made_of():
    code = (
        "import sys, a2ibench, a2ibench.bench.run_job, a2ibench.reporting\n"
        "from a2ibench.registry import host; host().reporters\n"
        "print([name for name in ('jinja2', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_wheel_has_the_assets():
    folder = Path(a2ibench.__file__).parent / "reporting" / "page" / "assets"
    assert {file.suffix for file in folder.iterdir()} == {".j2", ".css", ".js"}
    for file in folder.iterdir():
        assert "http://" not in file.read_text(encoding="utf-8")
        assert "https://" not in file.read_text(encoding="utf-8")
