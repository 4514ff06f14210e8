"""Reconstructs one stack that is in memory."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from a2ibench.contracts import Method, Volume, equal_laterally
from a2ibench.data.intensity_range import levelled, natural_range
from a2ibench.data.prepare import check_finite
from a2ibench.data.spacing import implausible
from a2ibench.errors import InputError, printable
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.intensity import quantise
from a2ibench.reconstruction.checkpoints import applied, log_training, trained_levels
from a2ibench.reconstruction.matching import matched_volume
from a2ibench.reconstruction.options import (
    ReconstructOptions,
    check_applies,
    context,
    output_voxels,
    resolve_method,
)
from a2ibench.registry import host

_logger = logging.getLogger(__name__)


def reconstruct_in_memory(volume: Volume, options: ReconstructOptions) -> Volume:
    """Train a method on a volume, or load a trained one, and reconstruct it; see `a2ibench.reconstruct`."""
    if not isinstance(volume, Volume):
        raise InputError(f"volume: got {type(volume).__name__}; give a Volume, such as open_volume returns")
    volume = replace(volume, voxel_size=equal_laterally(volume.voxel_size, volume.name))
    if volume.ratio == 1:
        raise InputError(
            f"{volume.name}: voxel size {volume.voxel_size} is isotropic; nothing to reconstruct"
        )
    if (problem := implausible(volume.voxel_size)) is not None:
        _logger.warning("%s: its voxel size is in nm %s", printable(volume.name), problem)
    ctx, resolved = context(options, output_voxels(volume.shape, volume.ratio)), resolve_method(options)
    checkpoint = resolved.checkpoint
    method: Method = host().build("method", resolved.method, **resolved.settings)
    volume = replace(volume, data=np.ascontiguousarray(volume.data))
    check_finite(volume.data, volume.name)
    if options.match_slices:
        volume = matched_volume(volume, progress=ctx.progress)
    trained = trained_levels(checkpoint, volume)
    if trained is not None:
        declared = natural_range(volume.data, volume.name) != tuple(volume.intensity)
        volume = applied(trained, levelled(volume), declared=declared)
    elif checkpoint is None:
        volume = levelled(volume)
    check_applies(method, resolved.method, volume)
    if checkpoint is None:
        log_training(method, resolved.method, volume, ctx.budget)
        method.fit(volume, ctx)
    else:
        method.load(checkpoint)
    data = quantise(reconstruct_volume(method, volume, ctx), volume)
    lateral = volume.voxel_size[1]
    return replace(volume, data=data, voxel_size=(lateral, lateral, lateral))
