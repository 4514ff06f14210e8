"""Which method is recommended, and what is said of it."""

from __future__ import annotations

import math
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench.errors import InputError
from a2ibench.inspection import Finding
from a2ibench.recommendation.expectations import expectations
from a2ibench.recommendation.options import seconds_of
from a2ibench.recommendation.page import page
from a2ibench.recommendation.ranking import ALIKE, Ranked, recommended
from a2ibench.recommendation.sample import VOXELS, sample_size
from a2ibench.recommendation.trial import TRAINING, Trial, in_order

CUBIC = Ranked("cubic", 30.0, 0.0, voxels_per_second=1e9, consistency=1.0)


def tried(method: str, score: float, speed: float, **more) -> Ranked:
    return Ranked(method, score, score - 30.0, voxels_per_second=speed, consistency=0.5, **more)


@pytest.mark.parametrize(
    ("ranking", "method"),
    [
        # The best, where nothing is as good.
        ([tried("a", 31.0, 1e5), tried("b", 30.9, 1e6), CUBIC], "a"),
        # Of those that are as good the fastest.
        ([tried("a", 31.0, 1e5), tried("b", 30.96, 1e6), CUBIC], "b"),
        # What does not fit the input, or failed, is never recommended.
        ([tried("b", 30.5, 1e5), CUBIC, tried("a", 33.0, 1e6, reason="does not fit the input")], "b"),
        # Cubic where nothing gains over it.
        ([tried("a", 30.04, 1e5), CUBIC], "cubic"),
        ([CUBIC, tried("a", 29.0, 1e5)], "cubic"),
    ],
)
def test_which_method_is_recommended(ranking: list[Ranked], method: str) -> None:
    best = recommended(ranking)
    assert best is not None
    assert best.method == method


def test_without_any_score_none_is_recommended() -> None:
    assert recommended([Ranked("a", reason="error: no luck"), Ranked("b", reason="not tried")]) is None


@given(
    scores=st.lists(st.floats(10, 50), min_size=1, max_size=8),
    speeds=st.lists(st.floats(1, 1e9), min_size=8, max_size=8),
)
def test_what_is_recommended_is_as_good_as_the_best(scores: list[float], speeds: list[float]) -> None:
    ranking = [tried(f"m{n}", score, speeds[n]) for n, score in enumerate(scores)]
    best = recommended(ranking)
    assert best is not None
    assert max(scores) - best.score < ALIKE
    alike = [one for one in ranking if max(scores) - one.score < ALIKE]
    assert best.voxels_per_second == max(one.voxels_per_second for one in alike)


@pytest.mark.parametrize(
    ("given", "seconds"), [("600s", 600), ("10min", 600), ("1h", 3600), ("0.5 h", 1800), (90, 90)]
)
def test_budgets(given: str | float, seconds: float) -> None:
    assert seconds_of(given) == seconds


@pytest.mark.parametrize("given", ["600", "9s", "soon", "1..5h", 3, True, math.inf, "-5min"])
def test_bad_budgets_are_refused(given) -> None:
    with pytest.raises(InputError, match="give at least 10s"):
        seconds_of(given)


@given(
    shape=st.tuples(st.integers(2, 3000), st.integers(20, 5000), st.integers(20, 5000)),
    ratio=st.floats(1.2, 20),
    seconds=st.floats(10, 10_000),
)
def test_a_sample_fits_the_stack_and_the_budget(shape, ratio: float, seconds: float) -> None:
    size = sample_size(shape, ratio, seconds)
    assert all(0 < part <= whole for part, whole in zip(size, shape, strict=True))
    depth, height, width = size
    least = 16 * max(ratio, 96 / 16) * 104 * 104
    assert depth * ratio * height * width <= max(1.2 * VOXELS * min(1, seconds / 600), 1.3 * least)


def test_all_methods_train_equally_long_within_the_budget(tmp_path) -> None:
    methods = in_order(["srmd", "plain", "cubic", "swinir"])
    assert methods == ("cubic", "plain", "srmd", "swinir")
    trial = Trial(None, methods, 600.0, "quick", "cpu", tmp_path)  # type: ignore[arg-type]
    assert trial.training.seconds is not None
    assert 3 * trial.training.seconds == pytest.approx(TRAINING * 600)


def finding(name: str, passed: bool) -> Finding:
    return Finding(name, 3.0, "pixels", 1.0, passed, f"{name}: 3 <pixels>", "" if passed else "align & go")


def test_what_spoils_scores_is_said_first() -> None:
    findings = [finding("noise", False), finding("slice shifts", False), finding("blank slices", True)]
    best = tried("plain", 31.0, 1e6)
    lines = expectations(findings, [best, CUBIC], best, 60_000_000)
    assert lines[0].startswith("slice shifts: 3 <pixels>: mend this first")
    assert "plain restores held-out planes 1.00 dB better than cubic interpolation." in lines
    assert not any(line.startswith(("noise", "blank")) for line in lines)
    assert any(line.startswith("The whole stack takes about a minute") for line in lines)
    longer = expectations(findings, [best, CUBIC], best, 60_000_000_000)
    assert any("about 21 hours" in line for line in longer)


def test_ties_and_failures_are_named() -> None:
    best = tried("plain", 31.0, 1e6)
    lines = expectations([], [best, tried("srmd", 30.98, 1e5), CUBIC], best, 1000)
    assert "; srmd as well, but no faster." in lines[0]
    assert expectations([], [CUBIC], CUBIC, 1000)[0].startswith("Nothing gains")
    assert expectations([], [], None, 1000, "s: has 4 slices") == (
        "Methods cannot be compared: s: has 4 slices.",
    )


class Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs) -> None:
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_is_well_formed_and_escapes_what_it_is_told() -> None:
    ranking = [tried("a<b", 31.0, 1e6), Ranked("c", reason="error: <script>alert(1)</script>")]
    command = "a2ibench reconstruct 'a&b.tif'"
    text = page("/x/a&b<i>.tif", "a<b", command, ["so & so"], [finding("shifts", False)], ranking)
    parser = Texts()
    parser.feed(text)
    assert parser.open == []
    said = " ".join(parser.texts)
    assert "<script" not in text
    for words in ("a&b<i>.tif", command, "So & so", "align & go", "31.00", "+1.00", "error: <script>"):
        assert words in said
