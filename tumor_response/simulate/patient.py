"""One simulated patient: lesions, what becomes of them, and what scanner and observer see of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tumor_response.simulate import deformation
from tumor_response.simulate.anatomy import Bulge, host_hu
from tumor_response.simulate.contour import observed
from tumor_response.simulate.grid import Grid
from tumor_response.simulate.latents import SMALLEST_REMAINDER
from tumor_response.simulate.retreat import Retreat, erode
from tumor_response.simulate.scanner import Scanner, scanner_of_site
from tumor_response.simulate.settings import SimulationSettings
from tumor_response.simulate.streams import stream
from tumor_response.simulate.tumour import (
    Lesion,
    interior_hu,
    lesion_centres,
    place_lesion,
)

__all__ = ["Patient", "Scan", "simulate_patient"]

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Scan:
    """A CT of the patient.

    Parameters
    ----------
    name, number
        ``"baseline"`` (0), ``"time_point_1"`` ..., ``"follow_up"`` (the last).
    treatment_days
        Days since the first fraction.
    masks
        Of each lesion on its box: what is tumour by then.
    contours
        The same as an observer draws it.
    image
        HU on the whole grid (z, y, x), with noise.
    """

    name: str
    number: int
    treatment_days: int
    masks: list[BoolArray]
    contours: list[BoolArray]
    image: npt.NDArray[np.int16]


@dataclass(frozen=True)
class Patient:
    """All that is known of a simulated patient.

    Parameters
    ----------
    latents
        The patient's rows of :func:`tumor_response.simulate.simulate_latents`, one per lesion.
    grid
        Of all the patient's CTs.
    lesions
        At baseline, in the order of ``latents``.
    scans
        In the order of time, the baseline first.
    retreats
        Of each lesion from the baseline to the last scan.
    log_jacobian
        On the whole grid, in deformation mode.
    """

    latents: Sequence[dict[str, Any]]
    grid: Grid
    lesions: list[Lesion]
    scans: list[Scan]
    retreats: list[Retreat]
    log_jacobian: FloatArray | None


def simulate_patient(
    number: int, latents: Sequence[dict[str, Any]], seed: int, settings: SimulationSettings
) -> Patient:
    """Return a patient of a simulated cohort.

    Parameters
    ----------
    number
        Position of the patient in the cohort, from 0; with ``seed`` it determines every voxel.
    latents
        The patient's rows of :func:`tumor_response.simulate.simulate_latents`, one per lesion,
        with ``patient_id`` and ``lesion_id``.
    seed, settings
        As for the cohort.
    """
    first = latents[0]
    scanner = scanner_of_site(seed, int(first["site"]), settings.n_sites)
    lesions = _lesions(number, latents, seed, scanner.grid)
    interiors = [
        interior_hu(lesion, scanner, stream(seed, "texture", number, j))
        for j, lesion in enumerate(lesions)
    ]
    bulges = [Bulge(le.centre_mm, float(le.surface_mm.table.max()) + 5.0) for le in lesions]
    host = scanner.blur(host_hu(scanner.grid, bulges, stream(seed, "anatomy", number)))

    def seen(name: str, k: int, days: int, masks: list[BoolArray], blurred: FloatArray) -> Scan:
        contours = [
            observed(
                mask,
                scanner.grid.spacing_zyx,
                settings.observer_error_mm,
                stream(seed, "observer", number, j, k),
            )
            for j, mask in enumerate(masks)
        ]
        image = scanner.acquire(blurred, stream(seed, "noise", number, k))
        return Scan(name, k, days, masks, contours, image)

    baseline_masks = [lesion.mask for lesion in lesions]
    baseline = _with_tumours(host, lesions, baseline_masks, interiors, scanner)
    scans = [seen("baseline", 0, 0, baseline_masks, baseline)]
    last = settings.time_points - 1
    retreats: list[Retreat] = []
    log_jacobian: FloatArray | None = None
    for k in range(1, settings.time_points):
        days = round(int(first["treatment_days"]) * k / last)
        counts = [
            _n_voxels(lesion, row, days, final=k == last)
            for lesion, row in zip(lesions, latents, strict=True)
        ]
        if settings.mode == "erosion":
            retreats = [erode(le, n) for le, n in zip(lesions, counts, strict=True)]
            blurred = _with_tumours(host, lesions, [r.mask for r in retreats], interiors, scanner)
        else:
            (lesion,) = lesions
            radial = deformation.radial_map(lesion, counts[0] / int(lesion.mask.sum()))
            retreats = [deformation.deform(lesion, radial, counts[0])]
            blurred = deformation.warp(lesion, radial, baseline)
            log_jacobian = deformation.log_jacobian_map(lesion, radial)
        name = "follow_up" if k == last else f"time_point_{k}"
        scans.append(seen(name, k, days, [r.mask for r in retreats], blurred))
    return Patient(latents, scanner.grid, lesions, scans, retreats, log_jacobian)


def _lesions(number: int, latents: Sequence[dict[str, Any]], seed: int, grid: Grid) -> list[Lesion]:
    volumes = [float(row["target_volume_baseline_cc"]) for row in latents]
    centres = lesion_centres(stream(seed, "shape", number), volumes)
    return [
        place_lesion(
            grid,
            centres,
            volumes,
            j,
            float(row["field_mean"]),
            stream(seed, "shape", number, j),
            stream(seed, "field", number, j),
        )
        for j, row in enumerate(latents)
    ]


def _n_voxels(lesion: Lesion, row: dict[str, Any], days: int, *, final: bool) -> int:
    if final and row["complete_response"]:
        return 0
    remainder = 1.0 - float(row["rate_latent_percent_per_day"]) * days / 100.0
    return max(1, round(int(lesion.mask.sum()) * max(remainder, SMALLEST_REMAINDER)))


def _with_tumours(
    host: FloatArray,
    lesions: list[Lesion],
    masks: list[BoolArray],
    interiors: list[FloatArray],
    scanner: Scanner,
) -> FloatArray:
    """Mix tumour into the host tissue; the share of tumour in a voxel is the blurred mask."""
    image = host.copy()
    for lesion, mask, interior in zip(lesions, masks, interiors, strict=True):
        share = scanner.blur(mask.astype(np.float32))
        view = image[lesion.box.slices]
        view += share * (interior - view)
    return image
