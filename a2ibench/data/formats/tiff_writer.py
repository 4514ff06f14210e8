"""OME-TIFF: one uncompressed stack; BigTIFF where it would exceed 4 GiB."""

from __future__ import annotations

import uuid

from a2ibench.data.formats.single_file_writer import ContiguousFile


class TiffFile(ContiguousFile):
    """An OME-TIFF stack, which tifffile, Fiji (through Bio-Formats) and napari open with its voxel size.

    OME metadata, not ImageJ's: those know no int8, and no file above 4 GiB.
    """

    def prepare(self) -> None:
        """Lay out the file: the header, a hole for the voxels, and a directory entry for every plane."""
        import tifffile

        layout = self.layout
        sizes = {f"PhysicalSize{axis}": nm for axis, nm in zip("ZYX", layout.voxel_size, strict=True)}
        units = {f"{name}Unit": "nm" for name in sizes}
        # By default it is drawn anew each time, and no two files would be the same.
        identifier = uuid.uuid5(uuid.NAMESPACE_URL, f"a2ibench:{layout.identity}")
        tifffile.imwrite(
            self.path,
            shape=layout.shape,
            dtype=layout.dtype,
            ome=True,
            photometric="minisblack",
            metadata={"axes": "ZYX", "UUID": f"urn:uuid:{identifier}"} | sizes | units,
        )

    def find_voxels(self) -> int:
        """Return the bytes before the first voxel."""
        import tifffile

        from a2ibench.data.formats.tiff import without_log_lines

        with without_log_lines(), tifffile.TiffFile(self.path) as file:
            return int(file.pages.first.dataoffsets[0])
