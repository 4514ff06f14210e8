"""The self-supervised protocol: simulate, sample patches, train, reconstruct."""
