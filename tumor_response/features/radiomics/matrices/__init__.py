"""Grey level matrices: counts from discretised voxels, the same for both conventions."""
