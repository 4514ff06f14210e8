"""Building blocks of networks on axial slices, for methods to share."""
