"""Processes apart: nothing that other people's code does in one harms this one or outlives its task."""
