"""Runs that travel: one file of all but volumes, how it is checked, and jobs of it repeated elsewhere."""
