"""Segmentations: read, put on a grid, and written."""
