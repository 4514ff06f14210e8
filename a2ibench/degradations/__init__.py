"""Built-in degradation models, registered through the plugin host like anyone's."""

from __future__ import annotations

from collections.abc import Callable

from a2ibench.contracts import DegradationSpec
from a2ibench.hookspecs import hookimpl


@hookimpl
def a2ibench_register_degradations(register: Callable[[DegradationSpec], None]) -> None:
    """Register the models of `models`, `estimated` and `distortions`."""
    home = "a2ibench.degradations.models"
    register(DegradationSpec("slab-average", f"{home}:SlabAverage", "mean over the thickness of each slice"))
    register(DegradationSpec("gaussian", f"{home}:GaussianPSF", "sampling under a Gaussian axial PSF"))
    register(DegradationSpec("subsample", f"{home}:Subsample", "thin sections at the slice centres"))
    estimated = "a2ibench.degradations.estimated:EstimatedPSF"
    register(DegradationSpec("estimated-psf", estimated, "slice profile that the volume's own spectra show"))
    other = "a2ibench.degradations.distortions"
    summary = "slab average, noise and artefacts of micrographs"
    register(DegradationSpec("em-distortions", f"{other}:EMDistortions", summary))
