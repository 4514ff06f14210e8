"""The regression gate: what runs come to, and what of it is worse than a baseline."""
