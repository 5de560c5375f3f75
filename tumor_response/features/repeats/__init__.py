"""Repeats of a case: the same tumour under other contours, images and settings, all extracted."""

from tumor_response.features.repeats.extractor import Repeats
from tumor_response.features.repeats.keeping import keep_repeats
from tumor_response.features.repeats.reading import RepeatValues, failed_repeats, read_repeats
from tumor_response.features.repeats.variants import settings_variants

__all__ = [
    "RepeatValues",
    "Repeats",
    "failed_repeats",
    "keep_repeats",
    "read_repeats",
    "settings_variants",
]
