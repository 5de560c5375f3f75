"""The file a predictor is sent in: a sealed zip of JSON and arrays, read byte by byte."""

from tumor_response.predictor.container.layout import FORMAT_VERSION, MOST_BYTES
from tumor_response.predictor.container.reading import members_of, read_file
from tumor_response.predictor.container.refusing import refused
from tumor_response.predictor.container.writing import packed

__all__ = ["FORMAT_VERSION", "MOST_BYTES", "members_of", "packed", "read_file", "refused"]
