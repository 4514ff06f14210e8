"""A static leaderboard of bundles."""
