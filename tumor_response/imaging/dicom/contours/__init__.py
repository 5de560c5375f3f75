"""Structure sets: contours read, put on a grid, and written."""
