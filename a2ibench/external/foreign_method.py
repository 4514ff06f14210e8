"""A method of another Python as one of this: requests go to a process there, arrays through files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Context, Volume
from a2ibench.external.environments import Environment
from a2ibench.external.interpreter import Interpreter
from a2ibench.external.messages import describe_context, describe_grid, describe_volume
from a2ibench.settings import Value


class ForeignMethod:
    """Does what a method in another Python does; `close` ends the process there.

    Parameters
    ----------
    environment : Environment
        With what it told of the method.
    settings : mapping
        Constructor keywords.
    wishes : mapping
        Further ones, which count where the method declares settings of these names.
    seed : int
        Seeds the process there before the method is built.
    workdir : Path
        Existing folder for the arrays.

    Raises
    ------
    ExternalError
        As do all calls, if the method fails there, or its process ends.
    """

    def __init__(
        self,
        environment: Environment,
        settings: Mapping[str, Value],
        wishes: Mapping[str, Value],
        *,
        seed: int,
        workdir: Path,
    ) -> None:
        self._held = tempfile.TemporaryDirectory(prefix="exchange-", dir=workdir.absolute())
        self._folder = Path(self._held.name)
        self._usage = self._folder / "usage"
        self.peak_memory: int | None = None
        """Bytes of the largest process there, once it is closed; None where the system does not tell."""
        self._kept: tuple[Any, dict[str, Any]] | None = None
        self._process = Interpreter(environment.python, relay=True, usage=self._usage)
        try:
            given = {"target": environment.told["method"]["target"], "settings": settings}
            built = self._process.ask("build", given | {"wishes": wishes, "seed": seed})
        except BaseException:
            self.close()
            raise
        self._has = frozenset(built["has"])

    @property
    def halo(self) -> tuple[int, int]:
        """Input slices and lateral voxels wanted around a block."""
        slices, lateral = self._process.ask("get", {"member": "halo"})
        return int(slices), int(lateral)

    @property
    def align(self) -> int:
        """Lateral block starts are multiples of it."""
        return int(self._process.ask("get", {"member": "align"}) or 1)

    @property
    def fits(self) -> Callable[[tuple[int, int, int]], bool] | None:
        """Whether so many output voxels can be asked for at once; None where any number can."""
        if "fits" not in self._has:
            return None
        return lambda shape: bool(self._process.ask("fits", {"shape": list(shape)}))

    def skip(self, volume: Volume) -> str | None:
        """Return a reason not to run; None where there is none."""
        if "skip" not in self._has:
            return None
        reason: str | None = self._process.ask("skip", {"volume": self._sent(volume)})
        return reason

    def fit(self, volume: Volume, ctx: Context) -> None:
        """Learn from the anisotropic volume; a training that is killed starts over."""
        given = {"volume": self._sent(volume), "ctx": describe_context(ctx)}
        self._process.ask("fit", given, progress=ctx.progress)

    def reconstruct(self, volume: Volume, grid: AxialGrid, ctx: Context) -> NDArray[np.float32]:
        """Return float32 (grid.n_out, y, x)."""
        return self._asked("reconstruct", volume, grid, ctx)

    @property
    def reconstruct_planes(self) -> Callable[[Volume, AxialGrid, Context], NDArray[np.float32]]:
        """What restores each xz plane by itself, for a method that can.

        Raises
        ------
        AttributeError
            If the method cannot.
        """
        if "reconstruct_planes" not in self._has:
            raise AttributeError("reconstruct_planes")
        return lambda volume, grid, ctx: self._asked("reconstruct_planes", volume, grid, ctx)

    def _asked(self, member: str, volume: Volume, grid: AxialGrid, ctx: Context) -> NDArray[np.float32]:
        output = self._folder / "output.npy"
        given = {"volume": self._sent(volume), "grid": describe_grid(grid), "ctx": describe_context(ctx)}
        asked = given | {"output": str(output), "member": member}
        self._process.ask("reconstruct", asked, progress=ctx.progress)
        result: NDArray[np.float32] = np.load(output)
        output.unlink()
        return result

    def save(self, path: Path) -> None:
        """Write what `fit` learnt into the folder `path`."""
        self._process.ask("save", {"path": str(path.absolute())})

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        self._process.ask("load", {"path": str(path.absolute())})

    def configuration(self) -> dict[str, Any]:
        """Return the resolved settings; nothing where the method does not tell."""
        return dict(self._tell("configuration") or {})

    def parameters(self) -> Any:
        """Return the number of trained parameters; None where the method does not tell."""
        return self._tell("parameters")

    def macs_per_voxel(self) -> Any:
        """Return multiply-adds per output voxel; None where the method does not tell."""
        return self._tell("macs_per_voxel")

    def precision_used(self, ctx: Context) -> Any:
        """Return what the fitted method runs in; None where the method does not tell."""
        return self._tell("precision_used", describe_context(ctx))

    def close(self) -> None:
        """End the process there, and remove what was exchanged with it."""
        self._process.close()
        with suppress(OSError, ValueError):
            self.peak_memory = int(self._usage.read_text(encoding="ascii"))
        self._held.cleanup()

    def _tell(self, member: str, ctx: Mapping[str, Any] | None = None) -> Any:
        return self._process.ask("tell", {"member": member, "ctx": ctx}) if member in self._has else None

    def _sent(self, volume: Volume) -> dict[str, Any]:
        """Write the voxels, unless they are those that were sent last; return the rest."""
        if self._kept is None or self._kept[0] is not volume.data:
            file = self._folder / "input.npy"
            np.save(file, np.asarray(volume.data))
            self._kept = volume.data, describe_volume(volume, file)
        return self._kept[1]
