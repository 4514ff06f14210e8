"""Methods that keep their training with ctx.checkpointer, well or badly, and what the check says of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from a2ibench.testing import checks, judge

KEPT = """
    def fit(self, volume, ctx):
        draw, first, self.amount = np.random.default_rng(ctx.seed), 0, 1.0
        kept = ctx.checkpointer and ctx.checkpointer.restore()
        if kept:
            first, self.amount = kept["step"], kept["amount"]
            draw.bit_generator.state = kept["draw"]
        for step in range(first, ctx.budget.steps):
            self.amount = np.float32(self.amount * draw.uniform(0.8, 1))
            if ctx.checkpointer and ctx.checkpointer.should_save():
                state = {"step": step + 1, "amount": float(self.amount)}
                ctx.checkpointer.save(state | {"draw": draw.bit_generator.state})
"""
OTHER_RESULT = "interrupted and taken up again, the training gives a result"
CASES = {
    "sound": ("", "", "ok", ""),
    "not kept": ("ctx.checkpointer.should_save()", "False", "skipped", "fit saves nothing"),
    "not restored": ("ctx.checkpointer.restore()", "False", "failed", "does not restore it"),
    "other draws": ('= kept["draw"]', "= draw.bit_generator.state", "failed", OTHER_RESULT),
    "a step twice": ("step + 1", "step", "failed", OTHER_RESULT),
    "objects": ('"step": step + 1', '"step": object()', "failed", "does not restore it"),
    "never the same": ("default_rng(ctx.seed)", "default_rng()", "skipped", "see determinism"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_interrupted_training_is_compared(install: Callable[..., object], case: str) -> None:
    old, new, status, message = CASES[case]
    install("method", KEPT.replace(old, new) if old else KEPT)
    (check,) = (check for check in checks("method", "planted") if check.name == "resumed-training")
    result = judge(check)
    assert result.status == status, result.message
    assert message in result.message
