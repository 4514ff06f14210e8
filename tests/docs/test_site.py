"""The documentation builds without a warning, and links to nothing fail."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import a2ibench

DOCS = Path(__file__).parents[2] / "docs"
BROKEN = {
    "a page": ("[x](nowhere.md)", "nowhere.md"),
    "a heading": ("[x](index.md#nowhere)", "nowhere"),
    "a file": ("![x](figures/nowhere.png)", "figures/nowhere.png"),
    "a setting": ("{setting}`srmd.nowhere`", "srmd.nowhere"),
    "a default": ("{default}`srmd.nowhere`", "srmd.nowhere"),
    "a catalogue field": ("{field}`nowhere`", "nowhere"),
    "an option": ("{option}`--nowhere <a2ibench run --nowhere>`", "--nowhere"),
    "a public name": ("{py:func}`a2ibench.nowhere`", "a2ibench.nowhere"),
    "a formula": (r"{eq}`nowhere`", "nowhere"),
}


def test_it_builds_without_a_warning(built) -> None:
    complaints, folder = built
    assert complaints == ""
    assert (folder / "index.html").is_file()


def test_every_page_is_in_the_navigation(site) -> None:
    pages = {path.relative_to(DOCS).with_suffix(".html").as_posix() for path in DOCS.rglob("*.md")}
    links = site.page("index.html").select(".sidebar-tree a")
    listed = {link["href"].partition("#")[0] for link in links} | {"index.html"}
    assert sorted(pages - listed) == []


def test_the_pages_need_no_network(built) -> None:
    _, folder = built
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?://[^"]+)"', text)
        assert loaded == [], page.name


def test_docstrings_are_shown_as_they_were_written(site) -> None:
    shown = site.text("py", "a2ibench.Record.finished")
    assert shown == a2ibench.Record.finished.__doc__
    assert site.text("py", "a2ibench.PROTOCOL_VERSION").startswith("Version of the protocol")
    page = site.page("reference/api.html").get_text()
    assert re.findall(r"<factory>|<function|~typing", page) == []


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory, build) -> str:
    source = tmp_path_factory.mktemp("source")
    shutil.copy(DOCS / "conf.py", source)
    for folder in ("_ext", "_static"):
        shutil.copytree(DOCS / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    lines = [f"{what}: {markup}" for what, (markup, _) in BROKEN.items()]
    (source / "index.md").write_text("# Broken links\n\n" + "\n\n".join(lines) + "\n", encoding="utf-8")
    done = build(source, tmp_path_factory.mktemp("broken"), "html")
    assert done.returncode != 0
    return done.stderr


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_link_fails(what: str, complaints: str) -> None:
    line = 3 + 2 * list(BROKEN).index(what)
    found = [complaint for complaint in complaints.splitlines() if f"index.md:{line}: WARNING" in complaint]
    assert any(BROKEN[what][1] in complaint for complaint in found), complaints
