"""PyRadiomics' numbers by shared work and compiled loops."""
