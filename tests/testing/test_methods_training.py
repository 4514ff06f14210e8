"""Methods whose training, checkpoint or members break one rule each, and the check that says so."""

from __future__ import annotations

import pytest

from a2ibench.testing.methods import results, training

FAULTS = {
    "fresh entropy": (
        "determinism",
        "two trainings with seed 0 give results",
        """
    def generator(self, ctx):
        return np.random.default_rng()
""",
    ),
    "global generator": (
        "determinism",
        "two trainings with seed 0 give results",
        """
    def generator(self, ctx):
        return np.random
""",
    ),
    "input altered": (
        "input-unchanged",
        "fit altered volume.data",
        """
    def fit(self, volume, ctx):
        np.clip(volume.data, 100, 150, out=volume.data)
        super().fit(volume, ctx)
""",
    ),
    "not restored": (
        "checkpoint-restores",
        "after save and load the result is",
        """
    def load(self, path):
        self.amount = np.float32(0)
""",
    ),
    "saves too little": (
        "checkpoint-restores",
        "the plugin raised",
        """
    def save(self, path):
        (path / "notes.txt").write_text("none")
""",
    ),
    "a pickle": (
        "checkpoint-without-pickle",
        "pickled objects: state.bin",
        """
    def save(self, path):
        import pickle
        super().save(path)
        (path / "state.bin").write_bytes(pickle.dumps({"amount": self.amount}))
""",
    ),
    "a pickle in an archive": (
        "checkpoint-without-pickle",
        "pickled objects: deep/state.npz",
        """
    def save(self, path):
        super().save(path)
        (path / "deep").mkdir()
        np.savez(path / "deep" / "state.npz", amount=np.array([self.amount, None]))
""",
    ),
    "torch.save": (
        "checkpoint-without-pickle",
        "pickled objects: weights.dat",
        """
    def save(self, path):
        import torch
        super().save(path)
        torch.save({"amount": torch.tensor(self.amount)}, path / "weights.dat")
""",
    ),
    "silent": (
        "progress",
        "fit never called ctx.progress",
        """
    def tell(self, ctx, done, total):
        pass
""",
    ),
    "backwards": (
        "progress",
        "4 were done before",
        """
    def tell(self, ctx, done, total):
        ctx.progress("fit", total, total)
        ctx.progress("fit", done, total)
""",
    ),
    "never done": (
        "progress",
        "the last report of fit is 3 of 4",
        """
    def tell(self, ctx, done, total):
        ctx.progress("fit", done - 1, total)
""",
    ),
    "tensors in reports": (
        "progress",
        "give a phase as text, and real numbers",
        """
    def tell(self, ctx, done, total):
        ctx.progress("fit", done, total, loss="low")
""",
    ),
    "no budget": (
        "budget",
        "with a budget of 4 steps fit reports 50 of 50",
        """
    def fit(self, volume, ctx):
        from dataclasses import replace
        from a2ibench import Budget
        super().fit(volume, replace(ctx, budget=Budget(steps=50)))
""",
    ),
    "no clock": (
        "budget",
        "with a budget of 1 s fit went on for more than",
        """
    def fit(self, volume, ctx):
        from dataclasses import replace
        from a2ibench import Budget
        if ctx.budget.seconds:
            ctx = replace(ctx, budget=Budget(steps=10**9))
        super().fit(volume, ctx)
""",
    ),
    "unstoppable": (
        "cancellation",
        "fit went on after ctx.progress had raised StopError",
        """
    def tell(self, ctx, done, total):
        try:
            super().tell(ctx, done, total)
        except Exception:
            pass
""",
    ),
    "deaf to Ctrl-C": (
        "cancellation",
        "fit went on after ctx.progress had raised KeyboardInterrupt",
        """
    def fit(self, volume, ctx):
        try:
            super().fit(volume, ctx)
        except KeyboardInterrupt:
            self.amount = np.float32(0)
""",
    ),
    "another error": (
        "cancellation",
        "fit raised RuntimeError where ctx.progress had raised StopError",
        """
    def fit(self, volume, ctx):
        try:
            super().fit(volume, ctx)
        except Exception as error:
            raise RuntimeError("training failed") from error
""",
    ),
    "wrong parameters": (
        "optional-members",
        "parameters returned 'many'",
        """
    def parameters(self):
        return "many"
""",
    ),
    "wrong precision": (
        "optional-members",
        "precision_used returned 16",
        """
    def precision_used(self, ctx):
        return 16
""",
    ),
    "wrong fits": (
        "optional-members",
        "fits returned 'yes'",
        """
    def fits(self, shape):
        return "yes"
""",
    ),
    "configuration of objects": (
        "optional-members",
        "configuration cannot be written as JSON: TypeError",
        """
    def configuration(self):
        return {"amount": object()}
""",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_its_check_and_no_other(fault, plant, failed, monkeypatch) -> None:
    monkeypatch.setattr(training, "GRACE", 1.0)
    check, message, body = FAULTS[fault]
    outcomes = plant("method", body)
    assert failed(outcomes) == {check}
    assert message in outcomes[check].message
    assert "\n" not in outcomes[check].message


@pytest.mark.parametrize("bias", [0.0, 0.1])
def test_results_of_cpu_and_gpu_are_compared(bias, plant, failed, monkeypatch) -> None:
    monkeypatch.setattr(results, "cuda_present", lambda: True)
    body = f"""
    def reconstruct(self, volume, grid, ctx):
        bias = np.float32({bias} if ctx.device == "cuda" else 0)
        return super().reconstruct(volume, grid, ctx) + bias
"""
    outcomes = plant("method", body)
    assert failed(outcomes) == ({"cpu-and-gpu"} if bias else set())
    found = "results of CPU and GPU are 25.5 grey levels (of 255) apart" if bias else ""
    assert outcomes["cpu-and-gpu"].message == found
