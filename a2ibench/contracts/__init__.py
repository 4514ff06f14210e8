"""What a plugin implements and what it is handed. Imports neither torch nor any other heavy library."""

from a2ibench.contracts.context import Budget, Checkpointer, Context, Progress, silent
from a2ibench.contracts.grid import AxialGrid
from a2ibench.contracts.interfaces import (
    Curve,
    Degradation,
    Degraded,
    HeldOut,
    Method,
    Metric,
    ScoreContext,
)
from a2ibench.contracts.specs import (
    API_VERSION,
    REPORTER_API_VERSION,
    DatasetSpec,
    DegradationSpec,
    MethodSpec,
    MetricSpec,
    ReporterSpec,
    Simulation,
)
from a2ibench.contracts.volume import (
    Volume,
    decimal_spacing,
    equal_laterally,
    is_isotropic,
    same_spacing,
)

PROTOCOL_VERSION = 2

__all__ = [
    "API_VERSION",
    "PROTOCOL_VERSION",
    "REPORTER_API_VERSION",
    "AxialGrid",
    "Budget",
    "Checkpointer",
    "Context",
    "Curve",
    "DatasetSpec",
    "Degradation",
    "DegradationSpec",
    "Degraded",
    "HeldOut",
    "Method",
    "MethodSpec",
    "Metric",
    "MetricSpec",
    "Progress",
    "ReporterSpec",
    "ScoreContext",
    "Simulation",
    "Volume",
    "decimal_spacing",
    "equal_laterally",
    "is_isotropic",
    "same_spacing",
    "silent",
]
