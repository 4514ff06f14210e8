"""OME-Zarr images as the reference library writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import zarr

DATA = np.random.default_rng(0).integers(1, 255, (8, 20, 32)).astype(np.uint8)
SPATIAL = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]


def written(
    folder: Path, version: str, *, axes: list[dict[str, str]] | None = None, lead: int = 0, key: str = ""
) -> Path:
    """Write two levels, of 40 x 4 x 4 nm and twice that, with `lead` axes of length 1 in front."""
    from ome_zarr.format import FormatV04, FormatV05
    from ome_zarr.writer import write_multiscale

    layout = {"0.4": FormatV04, "0.5": FormatV05}[version]()
    path = folder / "image.zarr"
    group = zarr.open_group(path / key, mode="w", zarr_format=layout.zarr_format)
    shape = (1,) * lead
    pyramid = [DATA.reshape(shape + DATA.shape), DATA[::2, ::2, ::2].reshape((*shape, 4, 10, 16))]
    scales = [
        [{"type": "scale", "scale": [1.0] * lead + [0.04 * factor, 0.004 * factor, 0.004 * factor]}]
        for factor in (1, 2)
    ]
    write_multiscale(pyramid, group, fmt=layout, axes=axes or SPATIAL, coordinate_transformations=scales)
    return path
