"""Methods that are no plugins here: commands, and plugins of another Python. Both are methods like others."""
