"""Benchmark harness for self-supervised isotropic reconstruction of 3D electron microscopy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from a2ibench.contracts import (
    API_VERSION,
    PROTOCOL_VERSION,
    AxialGrid,
    Budget,
    Checkpointer,
    Context,
    Curve,
    DatasetSpec,
    Degradation,
    DegradationSpec,
    Degraded,
    HeldOut,
    Method,
    MethodSpec,
    Metric,
    MetricSpec,
    ReporterSpec,
    ScoreContext,
    Simulation,
    Volume,
)
from a2ibench.errors import (
    A2IBenchError,
    CatalogueError,
    DownloadError,
    InputError,
    PluginError,
    UnknownNameError,
)
from a2ibench.hookspecs import hookimpl
from a2ibench.settings import Configurable, Setting, setting

if TYPE_CHECKING:
    from a2ibench.api import recommend, reconstruct, reconstruct_file, run, score, simulate, tune
    from a2ibench.bench.record import Record
    from a2ibench.bench.run import Run, read_run
    from a2ibench.bench.score import Score
    from a2ibench.bench.tuning import Trial, Tuning
    from a2ibench.data.catalogue import load_catalogue
    from a2ibench.data.intensity_range import noise_level
    from a2ibench.data.opening import open_volume
    from a2ibench.degradations.models import AxialDegradation
    from a2ibench.inspection.finding import Finding
    from a2ibench.layers.window_attention import ShiftedWindowAttention, pad_to_multiple, to_image, to_map
    from a2ibench.protocol.block_sampling import BlockSampler
    from a2ibench.protocol.fitting import precision_of, train_network
    from a2ibench.protocol.intensity import normalise
    from a2ibench.protocol.profiles import MULTIPLY_ADDS, build_degradation
    from a2ibench.protocol.resample import interpolate, interpolation_matrix
    from a2ibench.protocol.restoration import (
        fusion_weights,
        restore_block,
        restore_planes,
        upsample_block,
        upsample_planes,
    )
    from a2ibench.protocol.sampling import PatchSampler, missing_noise, training_grid
    from a2ibench.protocol.slice_network import SliceNetwork
    from a2ibench.protocol.stages import Stage, TrainingStep
    from a2ibench.protocol.training import load_checkpoint, save_checkpoint
    from a2ibench.recommendation.ranking import Ranked
    from a2ibench.recommendation.recommend import Recommendation

__version__ = "0.1.0"

__all__ = [
    "API_VERSION",
    "MULTIPLY_ADDS",
    "PROTOCOL_VERSION",
    "A2IBenchError",
    "AxialDegradation",
    "AxialGrid",
    "BlockSampler",
    "Budget",
    "CatalogueError",
    "Checkpointer",
    "Configurable",
    "Context",
    "Curve",
    "DatasetSpec",
    "Degradation",
    "DegradationSpec",
    "Degraded",
    "DownloadError",
    "Finding",
    "HeldOut",
    "InputError",
    "Method",
    "MethodSpec",
    "Metric",
    "MetricSpec",
    "PatchSampler",
    "PluginError",
    "Ranked",
    "Recommendation",
    "Record",
    "ReporterSpec",
    "Run",
    "Score",
    "ScoreContext",
    "Setting",
    "ShiftedWindowAttention",
    "Simulation",
    "SliceNetwork",
    "Stage",
    "TrainingStep",
    "Trial",
    "Tuning",
    "UnknownNameError",
    "Volume",
    "__version__",
    "build_degradation",
    "fusion_weights",
    "hookimpl",
    "interpolate",
    "interpolation_matrix",
    "load_catalogue",
    "load_checkpoint",
    "missing_noise",
    "noise_level",
    "normalise",
    "open_volume",
    "pad_to_multiple",
    "precision_of",
    "read_run",
    "recommend",
    "reconstruct",
    "reconstruct_file",
    "restore_block",
    "restore_planes",
    "run",
    "save_checkpoint",
    "score",
    "setting",
    "simulate",
    "to_image",
    "to_map",
    "train_network",
    "training_grid",
    "tune",
    "upsample_block",
    "upsample_planes",
]

# These bring in torch or NumPy and resolve on first use, so that importing a2ibench stays fast.
_LAZY = {
    "MULTIPLY_ADDS": "a2ibench.protocol.profiles",
    "AxialDegradation": "a2ibench.degradations.models",
    "BlockSampler": "a2ibench.protocol.block_sampling",
    "Finding": "a2ibench.inspection.finding",
    "PatchSampler": "a2ibench.protocol.sampling",
    "Ranked": "a2ibench.recommendation.ranking",
    "Recommendation": "a2ibench.recommendation.recommend",
    "Record": "a2ibench.bench.record",
    "Run": "a2ibench.bench.run",
    "Score": "a2ibench.bench.score",
    "ShiftedWindowAttention": "a2ibench.layers.window_attention",
    "SliceNetwork": "a2ibench.protocol.slice_network",
    "Stage": "a2ibench.protocol.stages",
    "TrainingStep": "a2ibench.protocol.stages",
    "Trial": "a2ibench.bench.tuning",
    "Tuning": "a2ibench.bench.tuning",
    "build_degradation": "a2ibench.protocol.profiles",
    "fusion_weights": "a2ibench.protocol.restoration",
    "interpolate": "a2ibench.protocol.resample",
    "interpolation_matrix": "a2ibench.protocol.resample",
    "load_catalogue": "a2ibench.data.catalogue",
    "load_checkpoint": "a2ibench.protocol.training",
    "missing_noise": "a2ibench.protocol.sampling",
    "noise_level": "a2ibench.data.intensity_range",
    "normalise": "a2ibench.protocol.intensity",
    "open_volume": "a2ibench.data.opening",
    "pad_to_multiple": "a2ibench.layers.window_attention",
    "precision_of": "a2ibench.protocol.fitting",
    "read_run": "a2ibench.bench.run",
    "recommend": "a2ibench.api",
    "reconstruct": "a2ibench.api",
    "reconstruct_file": "a2ibench.api",
    "restore_block": "a2ibench.protocol.restoration",
    "restore_planes": "a2ibench.protocol.restoration",
    "run": "a2ibench.api",
    "save_checkpoint": "a2ibench.protocol.training",
    "score": "a2ibench.api",
    "simulate": "a2ibench.api",
    "to_image": "a2ibench.layers.window_attention",
    "to_map": "a2ibench.layers.window_attention",
    "train_network": "a2ibench.protocol.fitting",
    "training_grid": "a2ibench.protocol.sampling",
    "tune": "a2ibench.api",
    "upsample_block": "a2ibench.protocol.restoration",
    "upsample_planes": "a2ibench.protocol.restoration",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'a2ibench' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return __all__
