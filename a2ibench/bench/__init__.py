"""Plans a run, executes its jobs one process each, and keeps their records."""
