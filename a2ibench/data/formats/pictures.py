"""Slices as PNG and JPEG images."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.formats.photometric import Greys, Notice, palette_greys
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.tiff_images import COMPRESSED
from a2ibench.data.formats.volume import LazyVolume
from a2ibench.errors import InputError

PNG, JPEG = "PNG", "JPEG"
_ORIENTATION, _UPRIGHT = 0x0112, (0, 1)
# Pillow's modes: grey of 8 and 16 bits, and those in which it may come with colours or transparency.
_GREY = {"L": np.uint8, "I": np.uint16, "I;16": np.uint16, "I;16B": np.uint16}
_CHANNELS = ("LA", "RGB", "RGBA")


class Picture:
    """A PNG or JPEG image (y, x), decoded whole when some of it is read.

    Parameters
    ----------
    image : PIL.Image.Image
        Opened, not yet decoded.
    where : str
        The file's name in messages.
    notice : Notice
        Told of annotations in colour.

    Raises
    ------
    InputError
        If it is no single upright grey-scale image.
    """

    def __init__(self, image: Any, where: str, notice: Notice) -> None:
        self._image, self._where = image, where
        self.shape = self.chunks = (int(image.height), int(image.width))
        self.dtype = np.dtype(_GREY.get(image.mode, np.uint8))
        self._greys: Greys | None = None
        # Of colours Pillow keeps 8 of 16 bits.
        deep = image.mode in _CHANNELS and ";16" in str(image.tile[0][3])
        if image.mode not in (*_GREY, *_CHANNELS, "P") or deep:
            depth = "16-bit colour" if deep else f"mode {image.mode}"
            raise InputError(f"{where}: {depth}; give grey-scale slices of 8 or 16 bits")
        if getattr(image, "n_frames", 1) > 1:
            raise InputError(f"{where}: holds {image.n_frames} images; give slices of one image each")
        # Of PNG it would take to decode the image.
        turned = image.getexif().get(_ORIENTATION, 1) if image.format == JPEG else 1
        if turned not in _UPRIGHT:
            raise InputError(f"{where}: is to be shown turned (EXIF orientation {turned}); store it upright")
        if image.mode == "P":
            colours = np.array(image.getpalette("RGB"), np.int64).reshape(-1, 3)
            self._greys = palette_greys(colours, self.dtype, where, notice)

    def __getitem__(self, block: tuple[slice, ...]) -> NDArray[Any]:
        voxels = np.asarray(self._image)
        if self._image.mode in _CHANNELS:
            voxels = self._grey(voxels[block])
        else:
            voxels = voxels[block].astype(self.dtype, copy=False)
        return voxels if self._greys is None else self._greys(voxels)

    def _grey(self, voxels: NDArray[Any]) -> NDArray[Any]:
        """Return the one channel of an opaque image whose channels are equal."""
        colours = 3 if self._image.mode.startswith("RGB") else 1
        if (voxels[..., colours:] < 255).any():
            raise InputError(f"{self._where}: is transparent in parts; store it without transparency")
        if (voxels[..., :colours] != voxels[..., :1]).any():
            raise InputError(f"{self._where}: holds colour; give grey-scale slices")
        return voxels[..., 0]


def open_slice(source: Source, page: int | None, notice: Notice, resources: ExitStack) -> Picture:
    """Open a PNG or JPEG image by its suffix; it is the only one of its file.

    Raises
    ------
    InputError
        If it is no single upright grey-scale image, or damaged.
    """
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    file = resources.enter_context(source.open())
    size = file.seek(0, 2)
    file.seek(0)
    # Image.open refuses slices of more than 179 million pixels.
    image = (PngImageFile if kind_of(source) == PNG else JpegImageFile)(file)
    resources.callback(image.close)
    picture = Picture(image, source.text, notice)
    if picture.shape[0] * picture.shape[1] * picture.dtype.itemsize > COMPRESSED * size:
        raise InputError(
            f"{source.text}: damaged: too small for its shape {picture.shape}; get the file again"
        )
    return picture


def kind_of(source: Source) -> str:
    """Return which of both formats a file has by its suffix."""
    return PNG if source.name.lower().endswith(".png") else JPEG


def open_source(source: Source, key: str | None, resources: ExitStack) -> LazyVolume:
    """Refuse one image, which is no volume.

    Raises
    ------
    InputError
        Always.
    """
    raise InputError(f"{source.text}: is one image; give the folder of all slices")
