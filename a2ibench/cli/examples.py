"""Command lines that the help of a command ends with."""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "run": (
        "a2ibench run --methods cubic,plain --datasets phantom --profile smoke",
        "a2ibench run --input stack.tif --voxel-size 50,15,15",
        "a2ibench run --input fibsem.tif --voxel-size 8,8,8 --simulate 4",
        "a2ibench run --methods cubic,plain --seeds 5 --workers 2",
    ),
    "runs": ("a2ibench runs", "a2ibench runs reports/first --json"),
    "list": ("a2ibench list methods", "a2ibench list datasets --json"),
    "fetch": ("a2ibench fetch cremi-a", "a2ibench fetch epfl-ca1 fib25-validation"),
    "reconstruct": (
        "a2ibench reconstruct stack.tif iso.tif --voxel-size 50nm,4.6nm,4.6nm",
        "a2ibench reconstruct slices iso.ome.zarr --voxel-size 40,10,10 --dry-run",
        "a2ibench reconstruct more.tif more-iso.tif --checkpoint iso.tif.checkpoint",
    ),
    "simulate": (
        "a2ibench simulate phantom phantom.ome.zarr --reference",
        "a2ibench simulate fibsem.tif thin.tif --ratio 4 --voxel-size 8,8,8",
    ),
    "recommend": (
        "a2ibench recommend stack.tif --voxel-size 50nm,4nm,4nm",
        "a2ibench recommend stack.ome.zarr --budget 30min --methods cubic,plain,srmd",
    ),
    "score": (
        "a2ibench score restored.tif phantom",
        "a2ibench score restored.tif phantom --name imod --into reports/first",
    ),
    "report": (
        "a2ibench report reports/first",
        "a2ibench report reports/first --format tex",
        "a2ibench report reports/laptop reports/gpu --out merged.html",
    ),
    "figure": (
        "a2ibench figure reports/first --window auto --error --out first.pdf",
        "a2ibench figure reports/first --methods cubic,srmd --width 89mm --seed mean",
    ),
    "table": (
        "a2ibench table reports/first --metrics psnr,ssim --width one",
        "a2ibench table reports/first --columns datasets --spread none --out t.md",
    ),
    "cite": ("a2ibench cite reports/first",),
    "bundle": ("a2ibench bundle reports/first", "a2ibench bundle reports/first submission.zip"),
    "verify": (
        "a2ibench verify submission.zip",
        "a2ibench verify submission.zip --jobs 3 --phantom-seed 20260801",
    ),
    "board": ("a2ibench board submissions/first.zip submissions/second.zip --out site",),
    "compare": (
        "a2ibench compare reports/new reports/old",
        "a2ibench compare reports/new reports/old --max-drop psnr=0.2",
    ),
    "baseline": ("a2ibench baseline reports/new smoke",),
    "plugin new": ("a2ibench plugin new my-method", "a2ibench plugin new my-metric plugins --kind metric"),
    "plugin check": ("a2ibench plugin check my-method", "a2ibench plugin check psnr --kind metric"),
    "plugin tune": (
        "a2ibench plugin tune srmd --profile quick",
        "a2ibench plugin tune srmd --values 0.001,0.002,0.004 --seeds 2",
    ),
}
"""By command."""


def examples(command: str) -> str:
    """Return the examples of a command as the end of its help, a paragraph each, which keeps their lines."""
    return "\n\n".join(("Examples:", *EXAMPLES[command]))
