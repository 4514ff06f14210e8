"""Methods whose weights come with them, and such as only say so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from a2ibench.testing import checks, judge

TRIED = {"progress", "budget", "training-beats-its-start", "depends-on-weights", "checkpoint-restores"}
LOADS = """
    trains = False

    def fit(self, volume, ctx):
        self.amount = np.float32({amount})
"""
CASES = {
    "loads and returns": (LOADS.format(amount="0.3"), {}),
    "trains all the same": ("    trains = False\n", {"budget": "with budgets of 1 and 24 steps results are"}),
    "looks at the volume": (
        LOADS.format(amount="volume.data[0, 0, 0] / 255"),
        {"budget": "the result depends on the volume that fit was shown"},
    ),
    "does not say so": (
        LOADS.format(amount="0.3").replace("trains = False", "pass"),
        {"progress": "fit never called ctx.progress", "training-beats-its-start": "nothing is learnt"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_method_that_trains_nothing_is_asked_for_no_training(
    install: Callable[..., object], case: str
) -> None:
    body, wanted = CASES[case]
    install("method", body)
    outcomes = {str(check): judge(check) for check in checks("method", "planted") if str(check) in TRIED}
    found = {name: result.message for name, result in outcomes.items() if result.status == "failed"}
    assert found.keys() == wanted.keys(), found
    assert all(wanted[name] in message for name, message in found.items())
    if case == "loads and returns":
        assert outcomes["budget"].status == outcomes["depends-on-weights"].status == "ok"
        for name in ("progress", "training-beats-its-start"):
            assert outcomes[name].status == "skipped"
            assert outcomes[name].message.startswith("the method says trains = False")
