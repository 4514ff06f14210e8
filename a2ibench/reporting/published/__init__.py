"""Results of the literature, and whether they may stand beside those of a run."""
