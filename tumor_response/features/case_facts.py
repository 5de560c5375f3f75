"""What is to be known of a case before features are taken: its identity, faults and region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tumor_response._version import __version__, library_version
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import CaseError
from tumor_response.features.base import FeatureExtractor
from tumor_response.features.cache import FeatureCache
from tumor_response.features.stamps import content_stamp
from tumor_response.features.voxel_hash import image_sha256
from tumor_response.imaging import Finding
from tumor_response.quality import ExclusionRule, QualitySettings, check_baseline
from tumor_response.settings import sha256_of_json

__all__ = [
    "CaseFacts",
    "RunRules",
    "examined",
    "facts_key",
    "keeps_contour",
    "known_facts",
    "slice_thickness_mm",
]

_FORMAT = 1
_READERS = ("SimpleITK", "pydicom", "numpy")


@dataclass(frozen=True)
class RunRules:
    """What is decided for all cases of a run.

    Parameters
    ----------
    quality
        Limits of the checks of every baseline; ``None``: no checks.
    exclude
        Which voxels features leave out; ``None``: none.
    """

    quality: QualitySettings | None = None
    exclude: ExclusionRule | None = None


@dataclass(frozen=True)
class CaseFacts:
    """What the voxels of a case were found to be.

    Parameters
    ----------
    image_sha256, mask_sha256, reduced_sha256
        Hashes of the image, of the contour as drawn, and of what the exclusion rule leaves of it;
        ``""`` where nobody asked.
    excluded_share
        Of the contour's voxels.
    slice_thickness_mm
        Distance between axial slices.
    warnings
        Findings that features are taken in spite of.
    """

    image_sha256: str
    mask_sha256: str
    reduced_sha256: str
    excluded_share: float
    slice_thickness_mm: float
    warnings: tuple[Finding, ...] = ()

    @property
    def is_reduced(self) -> bool:
        """Whether the exclusion rule took something away."""
        return self.excluded_share > 0


def keeps_contour(extractor: FeatureExtractor) -> bool:
    """Whether an extractor takes the contour as drawn, whatever rule excludes voxels."""
    return bool(getattr(extractor, "contour_as_drawn", False))


def slice_thickness_mm(case: BaselineCase) -> float:
    """Return the distance between axial slices; raises :class:`CaseError`."""
    grid = case.geometry
    axes = np.abs(np.array(grid.direction).reshape(3, 3))
    return float(grid.spacing_mm[int(axes[2].argmax())])


def examined(
    case: BaselineCase, rules: RunRules, *, hashed: bool
) -> tuple[CaseFacts, BaselineCase] | Finding:
    """Read a case, check it, and apply the exclusion rule.

    Parameters
    ----------
    case
        Its voxels are read and kept.
    rules
        What stops it, and what is excluded.
    hashed
        Whether anybody needs the hashes.

    Returns
    -------
    (CaseFacts, BaselineCase) or Finding
        The case with what the rule leaves of its contour; or the finding that stops it.

    Raises
    ------
    CaseError
        Only without quality checks: the image or the mask cannot be read.
    """
    found = () if rules.quality is None else check_baseline(case, rules.quality)
    for finding in found:
        if finding.severity == "error":
            return finding
    share, reduced = 0.0, case
    if rules.exclude is not None:
        try:
            mask, share = rules.exclude.apply(case.image, case.mask)
        except CaseError as error:
            return Finding(error.code, "error", str(error))
        reduced = case.with_mask(mask) if share else case
    hashes = ("", "", "")
    if hashed:
        drawn = image_sha256(case.mask)
        left = image_sha256(reduced.mask) if share else drawn
        hashes = (image_sha256(case.image), drawn, left)
    warnings = tuple(finding for finding in found if finding.severity == "warning")
    return CaseFacts(*hashes, share, slice_thickness_mm(case), warnings), reduced


def known_facts(cache: FeatureCache, key: str) -> CaseFacts | None:
    """Return what was found when the very same files were read before, or ``None``."""
    record = cache.get_record(key)
    if record is None:
        return None
    warnings = tuple(Finding(**finding) for finding in record["warnings"])
    return CaseFacts(**record | {"warnings": warnings})


def facts_key(case: BaselineCase, rules: RunRules) -> str | None:
    """Return the hash of all that decides the facts; the voxels through their files' stamp.

    Facts belong under a key that was the same before the files were read and afterwards. ``None``
    where the files' stamp cannot be relied upon, and for voxels in memory.
    """
    sources = case.sources
    stamp = None if sources is None else content_stamp(case.paths)
    if stamp is None:
        return None
    return sha256_of_json(
        [
            "case",
            _FORMAT,
            __version__,
            [library_version(name) for name in _READERS],
            case.name,
            sources,
            stamp,
            repr(case.noticed),
            None if rules.quality is None else rules.quality.model_dump(mode="json"),
            None if rules.exclude is None else rules.exclude.model_dump(mode="json"),
        ]
    )
