"""Dask: which scheduler and workers work, and how to reach them; distributed is imported when used."""
