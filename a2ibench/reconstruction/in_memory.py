"""Reconstructs a volume that is in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from a2ibench.bench.options import ReconstructOptions
from a2ibench.contracts import Method, Volume
from a2ibench.data.intensity_range import find_levels, levelled
from a2ibench.data.prepare import check_finite
from a2ibench.errors import InputError
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.intensity import quantise
from a2ibench.reconstruction.checkpoints import applied, trained_levels
from a2ibench.reconstruction.options import check_applies, context, resolve_method
from a2ibench.registry import host


def reconstruct_in_memory(volume: Volume, options: ReconstructOptions) -> Volume:
    """Train a method on a volume, or load a trained one, and reconstruct it; see `a2ibench.reconstruct`."""
    if not isinstance(volume, Volume):
        raise InputError(f"volume: got {type(volume).__name__}; give a Volume, such as open_volume returns")
    if volume.ratio == 1:
        raise InputError(
            f"{volume.name}: voxel size {volume.voxel_size} is isotropic; nothing to reconstruct"
        )
    ctx, resolved = context(options), resolve_method(options)
    checkpoint = resolved.checkpoint
    method: Method = host().build("method", resolved.method, **resolved.settings)
    volume = replace(volume, data=np.ascontiguousarray(volume.data))
    check_finite(volume.data, volume.name)
    trained = trained_levels(checkpoint, volume)
    if trained is not None:
        found = find_levels(volume.data, volume.name)
        declared = found.intensity != tuple(volume.intensity)
        own = levelled(volume) if declared else replace(volume, **found._asdict())
        volume = applied(trained, own, declared=declared)
    elif checkpoint is None:
        volume = levelled(volume)
    check_applies(method, resolved.method, volume)
    if checkpoint is None:
        method.fit(volume, ctx)
    else:
        method.load(checkpoint)
    data = quantise(reconstruct_volume(method, volume, ctx), volume)
    lateral = volume.voxel_size[1]
    return replace(volume, data=data, voxel_size=(lateral, lateral, lateral))
