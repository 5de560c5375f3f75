"""Features from intensities and grey level matrices: one place for each formula."""
