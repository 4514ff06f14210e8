"""Where a degradation takes its random numbers from."""

from __future__ import annotations

import torch

from a2ibench.testing.check import CheckFailed, CheckSkipped, rule
from a2ibench.testing.degradations.trial import Trial
from a2ibench.testing.side_effects import global_seed, global_states

ROUNDING = 1e-5


@rule(
    "A generator with the same seed gives the same images and parameters",
    "take every random number from the generator that the call is handed",
)
def _determinism(trial: Trial) -> None:
    images = trial.images()
    pair = []
    for seed in (0, 1):
        with global_seed(seed):
            pair.append(trial.need(images))
    first, second = pair
    if not torch.equal(first.image, second.image):
        apart = float((first.image - second.image).abs().max())
        raise CheckFailed(f"two calls with generators of one seed differ by {apart:.3g}")
    for name, value in first.parameters.items():
        if not torch.equal(value, second.parameters[name]):
            raise CheckFailed(f"parameter {name!r} differs between two calls with generators of one seed")


@rule(
    "A call draws from no global generator and seeds none",
    "pass generator=generator to every function that draws, and use neither random nor numpy.random",
)
def _global_generators_untouched(trial: Trial) -> None:
    images = trial.images()
    trial.need(images)
    with global_seed(0):
        before = global_states()
        trial.need(images)
        after = global_states()
    used = [name for name, state in after.items() if state != before.get(name)]
    if used:
        raise CheckFailed(f"a call used the global generator of {' and of '.join(used)}")


@rule(
    "An image of a batch does not depend on the other images",
    "draw for each image on its own, and take no statistics over the batch",
)
def _images_apart(trial: Trial) -> None:
    images = trial.images()
    other = images.clone()
    other[-1] = 1 - other[-1]
    trial.need(images)
    (first, left), (second, right) = trial.degrade(images), trial.degrade(other)
    if not torch.equal(left.get_state(), right.get_state()):
        raise CheckSkipped("how many numbers it draws depends on the images, so they cannot be compared")
    apart = float((first.image[:-1] - second.image[:-1]).abs().max())
    if apart > ROUNDING:
        raise CheckFailed(f"another last image changes the others by {apart:.3g}")
    reseeded, _ = trial.degrade(images, seed=1)
    if torch.equal(reseeded.image, first.image):
        alone, _ = trial.degrade(images[:1])
        apart = float((alone.image - first.image[:1]).abs().max())
        if apart > ROUNDING:
            raise CheckFailed(f"the first image alone differs by {apart:.3g} from itself in a batch")


RULES = (_determinism, _global_generators_untouched, _images_apart)
