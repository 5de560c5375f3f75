"""Where each lesion shrank: retreat of its surface and, where identified, the log-Jacobian."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk

from tumor_response._version import __version__
from tumor_response.cohort import Case, Cohort
from tumor_response.exceptions import CaseError, OutcomeError
from tumor_response.imaging import touches_border, voxel_count
from tumor_response.imaging.register import (
    Deformation,
    RegistrationSettings,
    Retreat,
    measure_retreat,
    register_deformably,
    register_rigidly,
    reliability_map,
    retreat_to_centre,
)
from tumor_response.imaging.register.region import Region
from tumor_response.imaging.register.retreat import field_retreat_mm, residual_mm
from tumor_response.outcomes.local_maps import LesionFiles, Record, file_stem
from tumor_response.parallel import spread
from tumor_response.quality import QualitySettings
from tumor_response.quality.alignment import align
from tumor_response.quality.follow_up import FollowUpScan, examine_follow_up, read_follow_up
from tumor_response.quality.scan import voxels_sha256
from tumor_response.settings import checked_n_jobs, sha256_of_json

__all__ = ["LOCAL_COLUMNS", "local_shrinkage"]

LOCAL_COLUMNS = (
    "retreat_mean_mm",
    "retreat_sd_mm",
    "retreat_p10_mm",
    "retreat_median_mm",
    "retreat_p90_mm",
    "retreated_surface_percent",
    "retreat_field_mean_mm",
    "log_jacobian_mean",
    "identified_percent",
    "folding_percent",
    "shift_mm",
    "rotation_deg",
    "similarity_before",
    "similarity_rigid",
    "similarity_deformed",
    "residual_surface_mm",
    "unexplained_percent",
)
"""The numeric columns of :func:`local_shrinkage`."""

_FORMAT = 1
_DEFAULT_QUALITY = QualitySettings()
Maps = dict[str, sitk.Image]


def local_shrinkage(
    cohort: Cohort,
    directory: str | Path,
    *,
    settings: RegistrationSettings | None = None,
    reliability: bool = True,
    quality: QualitySettings | None = _DEFAULT_QUALITY,
    n_jobs: int = 1,
) -> pd.DataFrame:
    """Map where each lesion shrank between baseline and follow-up.

    For each lesion, NIfTI maps on the baseline image's grid: ``..._retreat_mm`` (how far the
    surface moved inwards, positive where it retreated, on the voxels of the lesion),
    ``..._log_jacobian`` (of the follow-up-to-baseline registration, negative where tissue shrank)
    and ``..._reliability`` (0 to 1: how far the image and not the regulariser decided that
    log-Jacobian). A second run with the same voxels and settings reads what the first has written.

    A log-Jacobian is no finding where ``reliability`` is below ``settings.min_reliability``, and
    none at all where a tumour was eroded: tissue that is gone has no place to be mapped to.

    Parameters
    ----------
    cohort
        Cases with follow-up image and contour.
    directory
        Where the maps go; made if it does not exist. Names are made of the identifiers.
    settings
        Default :class:`RegistrationSettings`.
    reliability
        ``False`` leaves the reliability out, which takes most of the time. No log-Jacobian is
        summarised then, because nobody knows where it is identified; the map is written.
    quality
        Limits of the checks of the follow-up, as in :func:`shrinkage`; a finding of severity
        ``"error"`` is the row's reason. ``None``: no checks.
    n_jobs
        Processes, as in joblib; the result is the same for any number.

    Returns
    -------
    pandas.DataFrame
        Index (patient_id, lesion_id) in cohort order, one row per lesion. float64: retreat over
        the baseline's surface, weighted by area (``retreat_mean_mm``, ``_sd_mm``, ``_p10_mm``,
        ``_median_mm``, ``_p90_mm``), ``retreated_surface_percent`` (share beyond
        ``settings.retreated_above_mm``), ``retreat_field_mean_mm`` (the same mean from the
        deformation, to compare), ``log_jacobian_mean`` over the identified voxels,
        ``identified_percent`` of the lesion, ``folding_percent``, ``shift_mm`` and
        ``rotation_deg`` of the rigid alignment, ``similarity_before``, ``similarity_rigid`` and
        ``similarity_deformed`` (correlations), ``residual_surface_mm`` (mean distance of the
        deformed baseline surface from the follow-up contour) and ``unexplained_percent`` (that in
        percent of the retreat). str: ``retreat_map``,
        ``log_jacobian_map``, ``reliability_map`` (file names in ``directory``, empty if none) and
        ``reason`` (why something is missing, empty if nothing is). ``attrs``: ``directory``,
        ``settings_sha256``, ``reasons``.

    Raises
    ------
    OutcomeError
        Code ``maps_unwritable``: the folder cannot be made or written to.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> from tumor_response.outcomes.local import local_shrinkage
    >>> cohort = tr.simulate_cohort(n_patients=1, seed=3, directory=tempfile.mkdtemp())
    >>> local = local_shrinkage(cohort, tempfile.mkdtemp(), reliability=False)
    >>> bool(local["retreat_mean_mm"].iloc[0] > 0), local["retreat_map"].iloc[0]
    (True, 'P0001_1_retreat_mm.nii.gz')
    """
    settings = settings or RegistrationSettings()
    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutcomeError(
            f"directory={str(folder)!r} cannot be made ({error.strerror}); choose another.",
            code="maps_unwritable",
        ) from None
    work = partial(_all_mapped, folder, settings, reliability, quality)
    rows = list(spread(work, list(cohort), checked_n_jobs(n_jobs), "Registering follow-ups"))
    texts = ("retreat_map", "log_jacobian_map", "reliability_map", "reason")
    table = pd.DataFrame(
        [{**dict.fromkeys(texts, ""), **row} for row in rows],
        index=cohort.keys,
        columns=[*LOCAL_COLUMNS, *texts],
    )
    kinds = dict.fromkeys(LOCAL_COLUMNS, "float64") | dict.fromkeys(texts, "str")
    table = table.astype(kinds)
    table.attrs["directory"] = str(folder)
    table.attrs["settings_sha256"] = settings.sha256
    table.attrs["reasons"] = table.loc[table["reason"] != "", "reason"].to_dict()
    return table


def _all_mapped(
    folder: Path,
    settings: RegistrationSettings,
    reliability: bool,
    quality: QualitySettings | None,
    cases: list[Case],
) -> list[Record]:
    return [_mapped(case, folder, settings, reliability, quality) for case in cases]


def _mapped(
    case: Case,
    folder: Path,
    settings: RegistrationSettings,
    reliability: bool,
    quality: QualitySettings | None,
) -> Record:
    """Return one lesion's row; whatever goes wrong with a lesion is a reason of it alone."""
    if case.follow_up.status in ("missing", "death", "surgery"):
        return {"reason": f"follow_up_{case.follow_up.status}"}
    baseline = case.baseline
    try:
        image, mask = baseline.image, baseline.mask
    except CaseError as error:
        return {"reason": f"baseline_{error.code}"}
    try:
        scan = _read(case)
    except CaseError as error:
        return {"reason": _of_follow_up(error.code)}
    files = LesionFiles(folder, file_stem(*case.key))
    key = _key(case, (image, mask, scan.image, scan.mask), settings, reliability, quality)
    kept = files.load(key)
    if kept is not None:
        return kept
    try:
        refused = _refused(case, scan, mask, quality, settings)
        row, maps = (
            ({"reason": refused}, {})
            if refused
            else _registered(image, mask, scan, settings, reliability)
        )
    except CaseError as error:
        row, maps = {"reason": error.code}, {}
    except (RuntimeError, ValueError, FloatingPointError, np.linalg.LinAlgError):
        # ITK's own complaints; kept out of the record, so that the next run tries again
        return {"reason": "unexpected_error"}
    row |= {_column(name): files.path(name).name for name in maps}
    files.keep(key, row, maps)
    return row


def _read(case: Case) -> FollowUpScan:
    """Read the follow-up; a structure without contours is an empty one."""
    try:
        return read_follow_up(case)
    except CaseError as error:
        if error.code == "roi_empty" and case.follow_up.status == "complete_response":
            return FollowUpScan()
        raise


def _key(
    case: Case,
    voxels: tuple[sitk.Image | None, ...],
    settings: RegistrationSettings,
    reliability: bool,
    quality: QualitySettings | None,
) -> str:
    """Return the hash of everything that decides a row."""
    of = case.follow_up
    return sha256_of_json(
        [
            _FORMAT,
            __version__,
            sitk.Version.VersionString(),
            settings.sha256,
            reliability,
            None if quality is None else quality.sha256,
            [None if image is None else voxels_sha256(image) for image in voxels],
            [of.status, of.interval_days, of.treatment_days],
        ]
    )


def _refused(
    case: Case,
    scan: FollowUpScan,
    mask: sitk.Image,
    quality: QualitySettings | None,
    settings: RegistrationSettings,
) -> str:
    """Return why a pair is not registered, or nothing."""
    gone = case.follow_up.status == "complete_response"
    empty = scan.mask is None or voxel_count(scan.mask) == 0
    if gone and not empty:
        return "complete_response_not_empty"
    if empty and not gone:
        errors = (f.code for f in case.follow_up.findings if f.severity == "error")
        return next(errors, "follow_up_missing") if scan.mask is None else "follow_up_empty"
    if touches_border(mask) or (scan.mask is not None and touches_border(scan.mask)):
        return "truncated"
    if gone:
        return ""
    if scan.image is None and settings.alignment == "rigid":
        return "follow_up_image_missing"
    if quality is not None:
        found, _ = examine_follow_up(case, case.baseline, scan, quality)
        stop = (f.code for f in found if f.severity == "error")
        return next((_of_follow_up(code) for code in stop), "")
    return ""


def _of_follow_up(code: str) -> str:
    return code if code.startswith(("follow_up", "complete_response")) else f"follow_up_{code}"


def _registered(
    image: sitk.Image,
    mask: sitk.Image,
    scan: FollowUpScan,
    settings: RegistrationSettings,
    reliability: bool,
) -> tuple[Record, Maps]:
    """Return row and maps of a pair that was not refused."""
    if scan.mask is None or voxel_count(scan.mask) == 0:
        retreat = retreat_to_centre(mask)
        row = _summary(retreat, settings) | {"reason": "complete_response"}
        return row, {"retreat_mm": retreat.map_on(mask)}
    row = {"reason": ""}
    rigid: sitk.Transform = sitk.Transform(3, sitk.sitkIdentity)
    if settings.alignment == "rigid" and scan.image is not None:
        start = align(image, scan.image).translation_mm
        found = register_rigidly(
            image, mask, scan.image, scan.mask, start_mm=start, settings=settings
        )
        rigid = found.transform
        row |= {
            "shift_mm": found.shift_mm,
            "rotation_deg": found.rotation_deg,
            "similarity_before": found.similarity_before,
        }
    retreat = measure_retreat(mask, scan.mask, rigid)
    row |= _summary(retreat, settings)
    maps = {"retreat_mm": retreat.map_on(mask)}
    if scan.image is None:
        return row | {"reason": "follow_up_image_missing"}, maps
    deformation = register_deformably(image, mask, scan.image, rigid, settings=settings)
    left = residual_mm(retreat.surface, scan.mask, rigid, deformation.displacement)
    inwards = field_retreat_mm(retreat.surface, deformation.displacement)
    row |= {
        "similarity_rigid": deformation.similarity_before,
        "similarity_deformed": deformation.similarity_after,
        "folding_percent": deformation.folding_percent,
        "retreat_field_mean_mm": Retreat(retreat.surface, inwards).mean_mm(),
        "residual_surface_mm": left,
    }
    if deformation.folding_percent > settings.max_folding_percent:
        return _finite(row | {"reason": "registration_folds"}), maps
    size = max(retreat.mean_size_mm(), settings.retreated_above_mm)
    row["unexplained_percent"] = unexplained = 100.0 * left / size
    if unexplained > settings.max_unexplained_percent:
        return _finite(row | {"reason": "log_jacobian_unexplained"}), maps
    maps["log_jacobian"] = _on_baseline(deformation.log_jacobian, deformation.region, mask)
    if not reliability:
        return _finite(row), maps
    reliable = reliability_map(image, deformation.region, settings)
    reliable = np.where(deformation.covered, reliable, 0.0)
    maps["reliability"] = _on_baseline(reliable, deformation.region, mask)
    return _finite(row | _identified(deformation, reliable, settings)), maps


def _summary(retreat: Retreat, settings: RegistrationSettings) -> Record:
    return {
        "retreat_mean_mm": retreat.mean_mm(),
        "retreat_sd_mm": retreat.sd_mm(),
        "retreat_p10_mm": retreat.percentile_mm(10),
        "retreat_median_mm": retreat.percentile_mm(50),
        "retreat_p90_mm": retreat.percentile_mm(90),
        "retreated_surface_percent": retreat.share_above_percent(settings.retreated_above_mm),
    }


def _identified(
    deformation: Deformation, reliable: np.ndarray, settings: RegistrationSettings
) -> Record:
    """Return the log-Jacobian's mean where the image decides it, and the share of such voxels."""
    tumour = deformation.region.tumour
    passes = tumour & (reliable >= settings.min_reliability)
    if not passes.any():
        return {"identified_percent": 0.0, "reason": "log_jacobian_not_identified"}
    return {
        "identified_percent": 100.0 * float(passes.sum() / tumour.sum()),
        "log_jacobian_mean": float(deformation.log_jacobian[passes].mean(dtype=np.float64)),
    }


def _finite(row: Record) -> Record:
    """Leave out what has no value, as a correlation of constant images: JSON knows no NaN."""
    return {k: v for k, v in row.items() if isinstance(v, str) or np.isfinite(v)}


def _on_baseline(values: np.ndarray, region: Region, mask: sitk.Image) -> sitk.Image:
    """Return a map of the region on the baseline's grid, 0 outside of the region."""
    made = region.image(values.astype(np.float32))
    return sitk.Resample(made, mask, sitk.Transform(), sitk.sitkLinear, 0.0)


def _column(map_name: str) -> str:
    return f"{map_name.removesuffix('_mm')}_map"
