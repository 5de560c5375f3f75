"""A series of slices as one image: headers, one regular grid, pixels, units."""
