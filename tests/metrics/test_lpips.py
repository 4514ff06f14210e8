"""LPIPS: the library lpips on random weights, and files of weights that cannot be used."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from a2ibench.errors import InputError
from a2ibench.metrics import lpips as ours
from a2ibench.metrics.lpips import LPIPS, distances, read_weights


def random_weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    # Heads are not negative, and features keep their size from layer to layer.
    return {
        name: torch.randn(shape, generator=generator) * (2 / math.prod(shape[1:])) ** 0.5
        if name.startswith("features")
        else torch.rand(shape, generator=generator)
        for name, shape in ours._shapes().items()
    }


WEIGHTS = random_weights()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "lpips.safetensors"
    save_file(WEIGHTS, path)
    return path


def noisy(shape: tuple[int, ...], spread: float = 20.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    reference = rng.integers(0, 256, shape).astype(np.uint8)
    return np.rint(np.clip(reference + rng.normal(0, spread, shape), 0, 255)).astype(np.uint8), reference


@pytest.fixture(scope="module")
def library() -> torch.nn.Module:
    lpips = pytest.importorskip("lpips", reason="the library lpips is not installed: pip install lpips")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = lpips.LPIPS(net="alex", pretrained=False, pnet_rand=True, verbose=False).eval()
    state = {}
    for name in model.state_dict():
        *_, place, kind = name.split(".")
        if name.startswith("net."):
            state[name] = WEIGHTS[f"features.{place}.{kind}"]
        elif name.startswith("lin"):
            state[name] = WEIGHTS[f"lin{name.removeprefix('lins.').removeprefix('lin')[0]}.model.1.weight"]
    model.load_state_dict(state, strict=False)
    return model


@pytest.mark.parametrize("size", [(31, 47), (64, 64)])
def test_images_score_as_the_library_does(library: torch.nn.Module, size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(3)
    first, second = (2 * torch.rand(3, 1, *size, generator=generator) - 1 for _ in range(2))
    with torch.no_grad():
        expected = library(first.expand(-1, 3, -1, -1), second.expand(-1, 3, -1, -1)).flatten()
        found = distances(first, second, WEIGHTS)
    assert expected.min() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_a_volume_scores_the_mean_of_its_axial_slices(library: torch.nn.Module, file: Path) -> None:
    prediction, reference = noisy((32, 33, 34))
    metric = LPIPS(weights=str(file))
    slices = metric.per_slice(prediction, reference, 255.0)
    assert {plane: len(values) for plane, values in slices.items()} == {"xz": 33, "yz": 34}

    def image(volume: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(volume[:, :, 5] / 127.5 - 1).float().expand(1, 3, -1, -1)

    with torch.no_grad():
        expected = library(image(prediction), image(reference)).item()
    assert slices["yz"][5] == pytest.approx(expected, rel=1e-5)
    mean = np.concatenate([*slices.values()]).mean()
    assert metric(prediction, reference, 255.0) == pytest.approx(mean, rel=1e-12)


def test_more_noise_is_worse_and_equal_volumes_score_0(file: Path) -> None:
    metric = LPIPS(weights=str(file))
    none, little, much = (metric(*noisy((32, 31, 31), spread), 255.0) for spread in (0.0, 5.0, 60.0))
    assert 0 == none < little < much


def test_batches_change_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volumes = noisy((32, 33, 31))
    expected = LPIPS(weights=str(file)).per_slice(*volumes, 255.0)
    monkeypatch.setattr("a2ibench.metrics.indices._PIXELS", 32 * 33 * 5)
    for plane, values in LPIPS(weights=str(file)).per_slice(*volumes, 255.0).items():
        np.testing.assert_allclose(values, expected[plane], rtol=1e-5)


def test_smaller_slices_have_no_score(file: Path) -> None:
    metric = LPIPS(weights=str(file))
    assert math.isnan(metric(*noisy((30, 40, 40)), 255.0))
    assert not math.isnan(metric(*noisy((31, 31, 31)), 255.0))


def test_torch_files_are_read_too_and_other_tensors_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "whole.pth"
    torch.save({**WEIGHTS, "classifier.1.weight": torch.zeros(2)}, path)
    found = read_weights(path)
    assert found.keys() == WEIGHTS.keys()
    assert all(torch.equal(found[name], WEIGHTS[name]) for name in found)


def without(name: str, other: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
    return {key: value for key, value in WEIGHTS.items() if key != name} | (
        {name: other} if other is not None else {}
    )


LIN0 = "lin0.model.1.weight"


@pytest.mark.parametrize(
    ("write", "problem"),
    [
        (lambda path: None, "cannot be read (No such file or directory)"),
        (lambda path: path.mkdir(), "cannot be read (Is a directory)"),
        (lambda path: path.write_bytes(b""), "is damaged, or no state dict"),
        (lambda path: path.write_bytes(b"PK\3\4 some of a torch file"), "is damaged, or no state dict"),
        (lambda path: path.write_bytes(b"\xff" * 7 + b"\0{}"), "is damaged, or no state dict"),
        (lambda path: torch.save(SimpleNamespace(), path), "is damaged, or no state dict"),
        (lambda path: torch.save([1, 2], path), "has no tensor features.0.weight"),
        (lambda path: torch.save({"features.0.weight": 1}, path), "has no tensor features.0.weight"),
        (lambda path: save_file(without(LIN0), path), f"has no tensor {LIN0}"),
        (
            lambda path: torch.save(without(LIN0, torch.ones(1, 32, 1, 1)), path),
            f"{LIN0} has the shape (1, 32, 1, 1), not (1, 64, 1, 1)",
        ),
        (
            lambda path: torch.save(without(LIN0, torch.full((1, 64, 1, 1), torch.nan)), path),
            f"{LIN0} holds NaN or infinite values",
        ),
    ],
)
def test_files_that_cannot_be_used_are_told_in_one_line(tmp_path: Path, write, problem: str) -> None:
    path = tmp_path / "weights"
    write(path)
    with pytest.raises(InputError) as raised:
        LPIPS(weights=str(path)).check_settings()
    assert str(raised.value).startswith(f"lpips.weights: {path}: {problem}")
    assert "\n" not in str(raised.value)


def test_without_weights_it_says_where_they_come_from() -> None:
    with pytest.raises(
        InputError, match=r"no file is set, .*torchvision's AlexNet and lin0.*lpips/weights/v0.1/alex.pth"
    ):
        LPIPS()(*noisy((32, 32, 32)), 255.0)
