"""Tables and figures of a run. Import the modules where they are needed: pandas and matplotlib are heavy."""
