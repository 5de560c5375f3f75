"""A study as a folder: its settings file, its stages, and what of them is up to date."""
