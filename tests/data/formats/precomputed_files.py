"""Precomputed volumes: sharded or not, and with chunks that are gzipped beside their names."""

from __future__ import annotations

import gzip

import numpy as np
import tensorstore

DATA = np.random.default_rng(5).integers(1, 255, (9, 20, 35)).astype(np.uint8)


def precomputed(path, *, encoding="raw", sharded=False):
    scale = {
        "size": DATA.shape[::-1],
        "encoding": encoding,
        "chunk_size": (16, 8, 4),
        "resolution": (6, 6, 30),
        "voxel_offset": (-3, 50, 7),
    }
    if sharded:
        scale["sharding"] = {
            "@type": "neuroglancer_uint64_sharded_v1",
            "preshift_bits": 1,
            "minishard_bits": 1,
            "shard_bits": 1,
            "hash": "identity",
            "data_encoding": "gzip",
            "minishard_index_encoding": "gzip",
        }
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "file", "path": f"{path}/pre/"},
        "multiscale_metadata": {"data_type": "uint8", "num_channels": 1, "type": "image"},
        "scale_metadata": scale,
    }
    tensorstore.open(spec, create=True).result().write(DATA.T[..., np.newaxis]).result()
    return path / "pre"


def packed(folder, suffix=".gz"):
    for file in list((folder / "6_6_30").iterdir()):
        file.with_name(f"{file.name}{suffix}").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    return folder
