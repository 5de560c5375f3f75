"""The statistician's folder: tables, codebook, what recomputes the headline, checksums."""
