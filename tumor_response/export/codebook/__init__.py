"""The codebook: what every column that is handed over is, how it is spread, where it is from."""

from tumor_response.export.codebook.columns import CODEBOOK_COLUMNS, codebook_table
from tumor_response.export.codebook.end_points import END_POINTS, Definition
from tumor_response.export.codebook.writing import write_codebook

__all__ = ["CODEBOOK_COLUMNS", "END_POINTS", "Definition", "codebook_table", "write_codebook"]
