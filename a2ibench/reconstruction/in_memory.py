"""Reconstructs a volume that is in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from a2ibench.contracts import Method, Progress, Volume
from a2ibench.data.intensity_range import find_levels, levelled
from a2ibench.data.prepare import check_finite
from a2ibench.errors import InputError
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.intensity import quantise
from a2ibench.reconstruction.checkpoints import applied, trained_levels
from a2ibench.reconstruction.options import MethodOptions, check_applies
from a2ibench.registry import host


def reconstruct_in_memory(volume: Volume, options: MethodOptions, progress: Progress | None) -> Volume:
    """Train a method on a volume, or load a trained one, and reconstruct it; see `a2ibench.reconstruct`."""
    if not isinstance(volume, Volume):
        raise InputError(f"volume: got {type(volume).__name__}; give a Volume, such as open_volume returns")
    if volume.ratio == 1:
        raise InputError(
            f"{volume.name}: voxel size {volume.voxel_size} is isotropic; nothing to reconstruct"
        )
    ctx = options.context(progress)
    method: Method = host().build("method", options.method, **options.settings)
    volume = replace(volume, data=np.ascontiguousarray(volume.data))
    check_finite(volume.data, volume.name)
    trained = trained_levels(options.checkpoint, volume)
    if trained is not None:
        found = find_levels(volume.data, volume.name)
        declared = found.intensity != tuple(volume.intensity)
        own = levelled(volume) if declared else replace(volume, **found._asdict())
        volume = applied(trained, own, declared=declared)
    elif options.checkpoint is None:
        volume = levelled(volume)
    check_applies(method, options.method, volume)
    if options.checkpoint is None:
        method.fit(volume, ctx)
    else:
        method.load(options.checkpoint)
    data = quantise(reconstruct_volume(method, volume, ctx), volume)
    lateral = volume.voxel_size[1]
    return replace(volume, data=data, voxel_size=(lateral, lateral, lateral))
