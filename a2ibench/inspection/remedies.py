"""The commands that help, for the stack as its user names it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True)
class Remedies:
    """Makes commands.

    Parameters
    ----------
    source : str
        Path or address of the stack.
    voxel_size : tuple of float
        Nanometres, (z, y, x).
    """

    source: str
    voxel_size: tuple[float, float, float]

    @property
    def _spacing(self) -> str:
        return ",".join(f"{length:g}" for length in self.voxel_size)

    def command(self, name: str, *options: str) -> str:
        """Return a command of a2ibench on the stack."""
        parts = [shlex.quote(self.source), *options, "--voxel-size", self._spacing]
        return " ".join(["a2ibench", name, *parts])

    def reconstruct(self, *options: str) -> str:
        """Return the command that reconstructs the stack with these options."""
        return self.command("reconstruct", "isotropic.tif", *options)

    def python(self, output: str, *statements: str, imports: str = "") -> str:
        """Return the command that changes the voxels `v` by statements of Python, and writes them as TIFF."""
        opened = f"v = a2ibench.open_volume({self.source!r}, voxel_size=({self._spacing})).data"
        lines = [
            f"import a2ibench, tifffile{imports}",
            opened,
            *statements,
            f"tifffile.imwrite({output!r}, v)",
        ]
        return f"python -c {shlex.quote('; '.join(lines))}"

    def aligned(self) -> str:
        """Return the command that aligns the slices, each to the one before."""
        return "pip install pystackreg && " + self.python(
            "aligned.tif",
            "from pystackreg import StackReg",
            "moved = StackReg(StackReg.TRANSLATION).register_transform_stack(v, reference='previous')",
            "v = moved.round().clip(v.min(), v.max()).astype(v.dtype)",
        )

    def filled(self, slices: list[int], depth: int) -> str:
        """Return the command that replaces slices by the mean of the nearest others on both sides."""
        good = sorted(set(range(depth)) - set(slices))
        before = [max((k for k in good if k < z), default=good[0]) for z in slices]
        after = [min((k for k in good if k > z), default=good[-1]) for z in slices]
        return self.python("filled.tif", f"v[{slices}] = v[{before}] / 2 + v[{after}] / 2")

    def binned(self, factor: int) -> str:
        """Return the commands that average pixels, so that the ratio is so much lower, and reconstruct."""
        z, y, x = self.voxel_size
        binned = Remedies("binned.tif", (z, factor * y, factor * x))
        averaged = self.python(
            "binned.tif",
            f"v = block_reduce(v, (1, {factor}, {factor}), np.mean).round().astype(v.dtype)",
            imports=", numpy as np; from skimage.measure import block_reduce",
        )
        return f"{averaged} && {binned.reconstruct()}"

    def of_original(self) -> str:
        """Return the command on the data that the stack was made of."""
        return f"a2ibench reconstruct ORIGINAL isotropic.tif --voxel-size {self._spacing}"

    def other_voxel_size(self) -> str:
        """Return the command that reconstructs the stack with a voxel size that is to be filled in."""
        return f"a2ibench reconstruct {shlex.quote(self.source)} isotropic.tif --voxel-size Z,Y,X"

    def simulated(self) -> str:
        """Return the command that degrades the stack and compares methods on it."""
        return (
            f"a2ibench run --methods all --input {shlex.quote(self.source)} "
            f"--voxel-size {self._spacing} --simulate 4"
        )

    def learnt_elsewhere(self) -> str:
        """Return the commands that train on a larger stack of the same kind, and reconstruct this one."""
        larger = f"a2ibench reconstruct LARGER larger.tif --voxel-size {self._spacing}"
        return f"{larger} && {self.reconstruct('--checkpoint', 'larger.tif.checkpoint')}"
