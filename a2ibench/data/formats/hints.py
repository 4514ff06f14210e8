"""What to give instead of a place that holds no volume itself."""

from __future__ import annotations

import re
import zlib

from a2ibench.data.formats.source import Source
from a2ibench.errors import InputError, OptionError

_PACKED = {
    b"\x1f\x8b": ("gzip", "gunzip"),
    b"BZh": ("bzip2", "bunzip2"),
    b"\xfd7zXZ": ("xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
    b"PK\x03\x04": ("zip", "unzip"),
}
_MRC = (".mrc.gz", ".map.gz", ".rec.gz", ".st.gz")
# As much of a gzipped file as holds what marks an MRC file.
_LOOKED_AT, _MARK = 4096, slice(208, 211)
_EXPORTED = {
    ".czi": "from ZEN, or with Fiji, as TIFF",
    ".emd": "from Velox, or with Fiji, as TIFF",
    ".ims": "with Fiji as TIFF",
    ".lif": "with Fiji as TIFF",
    ".nd2": "with Fiji as TIFF",
    ".nhdr": "as TIFF",
    ".nii": "as TIFF",
    ".nrrd": "as TIFF",
    ".oir": "with Fiji as TIFF",
    ".ser": "with Fiji as TIFF",
}


def check_unpacked(source: Source, start: bytes) -> None:
    """Accept files that are not compressed as a whole.

    Raises
    ------
    InputError
        If one is; tells what unpacks it.
    """
    kind, program = next((told for magic, told in _PACKED.items() if start.startswith(magic)), ("", ""))
    if kind == "gzip" and source.name.lower().endswith(_MRC) and not _holds_mrc(source):
        raise InputError(f"{source.text}: is compressed (gzip), but no MRC file is inside; get it again")
    if kind:
        raise InputError(
            f"{source.text}: is compressed ({kind}); unpack it ({program} {source.name}) and give the result"
        )


def _holds_mrc(source: Source) -> bool:
    try:
        unpacked = zlib.decompressobj(wbits=31).decompress(source.read(0, _LOOKED_AT) or b"", _LOOKED_AT)
    except zlib.error:
        return False
    return unpacked[_MARK] == b"MAP"


def check_exists(source: Source, suffixes: tuple[str, ...]) -> None:
    """Accept remote places, and local ones that exist.

    Raises
    ------
    InputError
        If one does not; where it lies inside a file, that is named with the key.
    """
    if source.path is None or source.path.exists():
        return
    raise inside_file(source, suffixes) or InputError(f"{source.text}: no such file; check the path")


def inside_file(source: Source, suffixes: tuple[str, ...]) -> InputError | None:
    """Return what to say of a place inside a file, such as ``a.h5/raw``; None for others."""
    file, inner = source.parent, source.name
    while file is not None:
        is_file = file.path.is_file() if file.path is not None else file.name.lower().endswith(suffixes)
        if is_file and re.fullmatch(r"[\w./ -]+", inner):
            return OptionError(
                f"{{where}}: {{file}} is a file; give that, and {{key:{inner}}}",
                where=source.text,
                file=file.name,
            )
        inner = f"{file.name}/{inner}"
        file = file.parent
    return None


def unknown_format(source: Source, suffix: str, known: tuple[str, ...]) -> InputError:
    """Return the error that nothing reads a file, with what to export it as where that is known."""
    if suffix in _EXPORTED:
        return InputError(f"{source.text}: {suffix} is not read; export it {_EXPORTED[suffix]}")
    return InputError(f"{source.text}: unknown format; give a file that ends in {', '.join(known)}")
