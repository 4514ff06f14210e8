"""Methods that learn nothing, each in a way of its own, and sound ones that learn in unusual ways."""

from __future__ import annotations

import pytest

from a2ibench.testing import checks, judge

NETWORK = """
    pass


import copy
import torch
from torch import nn
from a2ibench import SliceNetwork


def sharpened(images):
    '''Sharpens along the axis by a fixed amount, which beats plain interpolation.'''
    wide = nn.functional.pad(images, (0, 0, 3, 3), mode="replicate")
    return images + 0.4 * (images - (wide[:, :, :-6] + wide[:, :, 6:]) / 2)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.GELU(), nn.Conv2d(8, 1, 3, padding=1))
        self.unused = nn.Parameter(torch.zeros(()))
        nn.init.normal_(self.body[-1].weight, std=0.01)

    def forward(self, images):
        return self.body(images)


class Network(SliceNetwork):
    reach = 12

    def build(self, size):
        return Residual()

    def forward(self, network, degraded):
        return degraded.image + network(degraded.image)


class Planted(Network):
{body}
"""

WEIGHTS, TRAINING = "depends-on-weights", "training-beats-its-start"
TRIED = {"shape-and-dtype", "axis-order", "determinism", "checkpoint-restores", WEIGHTS, TRAINING}

# What is planted, the checks that fail, and what they say.
DEAD = {
    "times zero": (
        {WEIGHTS, TRAINING},
        "no weight reaches the result",
        """
    def forward(self, network, degraded):
        return degraded.image + 0.0 * network(degraded.image)
""",
    ),
    "times almost zero": (
        {WEIGHTS, TRAINING},
        "no weight reaches the result",
        """
    def forward(self, network, degraded):
        return degraded.image + 1e-7 * network(degraded.image)
""",
    ),
    "a fixed filter in its place": (
        {WEIGHTS, TRAINING},
        "nothing is learnt",
        """
    def forward(self, network, degraded):
        return sharpened(degraded.image) + 0 * network(degraded.image)
""",
    ),
    "a fixed filter beside frozen weights": (
        {TRAINING},
        "nothing is learnt",
        """
    def forward(self, network, degraded):
        return sharpened(degraded.image) + network(degraded.image).detach() + 0 * network.unused
""",
    ),
    "frozen": (
        {TRAINING},
        "nothing is learnt",
        """
    def build(self, size):
        network = super().build(size)
        network.body.requires_grad_(False)
        return network

    def forward(self, network, degraded):
        return super().forward(network, degraded) + 0 * network.unused
""",
    ),
    "no learning rate": (
        {TRAINING},
        "nothing is learnt",
        """
    def optimizer(self, parameters):
        return torch.optim.SGD(parameters, lr=0.0)
""",
    ),
    "gradient cut": (
        {TRAINING},
        "nothing is learnt",
        """
    def forward(self, network, degraded):
        return super().forward(network, degraded).detach() + 0 * network.unused
""",
    ),
    "another network's optimizer": (
        {TRAINING},
        "nothing is learnt",
        """
    def optimizer(self, parameters):
        return super().optimizer(self.build("tiny").parameters())
""",
    ),
    "reset after training": (
        {TRAINING},
        "nothing is learnt",
        """
    def fit(self, volume, ctx):
        super().fit(volume, ctx)
        torch.manual_seed(0)
        self._network.load_state_dict(self.build(ctx.size).state_dict())
""",
    ),
    "reconstruct without the network": (
        {WEIGHTS, TRAINING},
        "no weight reaches the result",
        """
    def reconstruct(self, volume, grid, ctx):
        return normalise(interpolate(volume.data, grid), volume)
""",
    ),
    "weights from memory": (
        {WEIGHTS},
        "no weight reaches the result",
        """
    kept = {}

    def save(self, path):
        super().save(path)
        Planted.kept["network"] = self._network

    def load(self, path):
        super().load(path)
        self._network = Planted.kept["network"]
""",
    ),
    "away from the truth": (
        {TRAINING},
        "after 1 step the result has",
        """
    def loss(self, prediction, target):
        return -nn.functional.l1_loss(prediction, target).clamp(max=0.05)
""",
    ),
    "nothing saved and nothing learnt": (
        {WEIGHTS, TRAINING},
        "nothing is learnt",
        """
    def forward(self, network, degraded):
        return degraded.image + 0 * network(degraded.image)

    def save(self, path):
        pass

    def load(self, path):
        self._network, self._ratio = self.build("tiny"), 3.0
""",
    ),
}

# Methods with a training loop of their own.
DEAD_LOOPS = {
    "the average is never taken": (
        {TRAINING},
        """
    def fit(self, volume, ctx):
        super().fit(volume, ctx)
        average = 1.0
        average = 0.9 * average + 0.1 * average
        self.amount = np.float32(average)
""",
    ),
    "a copy is trained": (
        {TRAINING},
        """
    def fit(self, volume, ctx):
        import copy
        trained = copy.deepcopy(self)
        Sound.fit(trained, volume, ctx)
        self.amount = np.float32(0.7)
""",
    ),
    "chance in place of training": (
        {TRAINING},
        """
    def fit(self, volume, ctx):
        super().fit(volume, ctx)
        self.amount = np.float32(0.9 + 0.01 * np.random.default_rng(ctx.budget.steps).random())
""",
    ),
    "the weights are left aside": (
        {WEIGHTS, TRAINING},
        """
    def reconstruct(self, volume, grid, ctx):
        data = self.interpolated(volume, grid)
        return data + np.float32(0.8) * (self.smoothed(data) - data)
""",
    ),
    "the weights are left aside, in a format of its own": (
        {WEIGHTS, TRAINING},
        """
    def save(self, path):
        (path / "state.json").write_text(str(float(self.amount)))

    def load(self, path):
        self.amount = np.float32((path / "state.json").read_text())

    def reconstruct(self, volume, grid, ctx):
        data = self.interpolated(volume, grid)
        return data + np.float32(0.8) * (self.smoothed(data) - data)
""",
    ),
}

SOUND_LOOPS = {
    "NumPy's format": """
    def save(self, path):
        np.savez(path / "weights.npz", amount=np.array([self.amount]))

    def load(self, path):
        self.amount = np.load(path / "weights.npz")["amount"][0]
""",
    "a format of its own": """
    def save(self, path):
        (path / "state.json").write_text(str(float(self.amount)))

    def load(self, path):
        self.amount = np.float32((path / "state.json").read_text())
""",
    "a checksum of the weights": """
    def save(self, path):
        import hashlib
        super().save(path)
        digest = hashlib.sha256((path / "weights.safetensors").read_bytes()).hexdigest()
        (path / "sha256").write_text(digest)

    def load(self, path):
        import hashlib
        found = hashlib.sha256((path / "weights.safetensors").read_bytes()).hexdigest()
        if found != (path / "sha256").read_text():
            raise ValueError("damaged")
        super().load(path)
""",
    "a fit in closed form": """
    def fit(self, volume, ctx):
        data = normalise(volume.data, volume)
        blurred = (np.roll(data, 1, 1) + data + np.roll(data, -1, 1)) / 3
        added = blurred - (np.roll(blurred, 3, 1) + np.roll(blurred, -3, 1)) / 2
        self.amount = np.float32((added * (data - blurred)).mean() / np.square(added).mean())
        total = ctx.budget.steps or ctx.budget.seconds
        ctx.progress("fit", total, total)

    halo = (4, 0)

    def reconstruct(self, volume, grid, ctx):
        cover = grid.covering()
        data = self.interpolated(volume, cover)
        wide = np.pad(data, ((3, 3), (0, 0), (0, 0)), "edge")
        added = data - (wide[:-6] + wide[6:]) / 2
        ctx.progress("reconstruct", 1, 1)
        first = grid.first_out - cover.first_out
        return (data + self.amount * added)[first : first + grid.n_out]
""",
}


@pytest.fixture
def plant(install):
    """Install a method as the shared fixture does, and judge it by the checks that touch its weights."""

    def judged(body):
        install("method", body)
        return {str(check): judge(check) for check in checks("method", "planted") if str(check) in TRIED}

    return judged


@pytest.mark.parametrize("fault", DEAD)
def test_a_network_that_learns_nothing_is_told(fault, plant, failed) -> None:
    told, message, body = DEAD[fault]
    outcomes = plant(NETWORK.format(body=body))
    assert failed(outcomes) == told
    found = [outcomes[check].message for check in told]
    assert any(message in text for text in found)
    assert not any("\n" in text for text in found)


@pytest.mark.parametrize("fault", DEAD_LOOPS)
def test_so_is_a_training_loop_of_its_own(fault, plant, failed) -> None:
    told, body = DEAD_LOOPS[fault]
    assert failed(plant(body)) == told


@pytest.mark.parametrize("way", SOUND_LOOPS)
def test_unusual_ways_to_learn_pass(way, plant, failed) -> None:
    outcomes = plant(SOUND_LOOPS[way])
    assert failed(outcomes) == set()
    assert outcomes[WEIGHTS].status == outcomes[TRAINING].status == "ok"


@pytest.mark.parametrize(
    "body", ["    learning_rate = 1e-4\n", "    warmup = 0.9\n", "    average_span = 0.0\n"]
)
def test_networks_that_learn_slowly_pass(body, plant, failed) -> None:
    assert failed(plant(NETWORK.format(body=body))) == set()


def test_a_result_without_any_content_is_no_gain(plant, failed) -> None:
    body = """
    def forward(self, network, degraded):
        return torch.zeros_like(degraded.image) + 0 * network(degraded.image)
"""
    assert failed(plant(NETWORK.format(body=body))) >= {WEIGHTS, "axis-order"}


def test_a_method_without_anything_to_learn_is_let_off(plant, failed) -> None:
    body = """
    def fit(self, volume, ctx):
        self.amount = np.float32(0.2)

    def __init__(self):
        self.amount = np.float32(0.2)

    def save(self, path):
        pass

    def load(self, path):
        pass
"""
    outcomes = plant(body)
    assert failed(outcomes) == set()
    for check in (WEIGHTS, TRAINING):
        assert outcomes[check].status == "skipped"
        assert outcomes[check].message.startswith("nothing is trained")
