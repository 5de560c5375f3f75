"""Attention part: does a map lie on the sensitive region of a tumour whose region is known."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import SimpleITK as sitk
from scipy import ndimage
from scipy.stats import rankdata

import tumor_response as tr
from tumor_response.explanation.attention.case_attention import CaseAttention
from tumor_response.explanation.attention.computing import attention
from tumor_response.explanation.attention.methods import METHODS
from tumor_response.explanation.attention.weights import embedding_weights
from tumor_response.imaging.random_field import blurred_noise

from .cohorts import Patients, load
from .drivers import Reference, outcome
from .frozen import FROZEN, N_RESAMPLES

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

OF_ATTENTION = FROZEN["attention"]
SLOW = OF_ATTENTION["slow"]
N_LESIONS, N_SURROGATES = 20, 40
SENSITIVE_ABOVE = 0.75
LEAST_VOXELS = 20
"""Fewer voxels of either kind under the map: the lesion has no score."""
HIGH_PASS_MM, SMOOTH_MM = 1.5, 3.0
CELLS = 7
"""Cells along a side of the network's last map."""


def point_seed(seed: int, reference: Reference, work: Path, *, slow: bool = False) -> None:
    """Score the maps of a seed's lesions, unless that was done; keeps one CSV file.

    ``attention_<seed>.csv`` has the methods that cost one pass through the network and what does
    not depend on a model, ``attention_slow_<seed>.csv`` the others, on fewer lesions.
    """
    done = work / (f"attention_slow_{seed}.csv" if slow else f"attention_{seed}.csv")
    if done.exists():
        return
    patients = load(seed, work)
    cohort = tr.Cohort.from_csv(patients.images / "manifest.csv")
    extractor = tr.DeepFeatures(FROZEN["cohorts"]["deep"])
    columns = [spec.column for spec in extractor.feature_specs()]
    n_lesions = SLOW["lesions"] if slow else N_LESIONS
    tumours = [Tumour(patients, number) for number in range(n_lesions)]
    chosen = [cohort[tumour.key] for tumour in tumours]
    methods = [
        name
        for name in OF_ATTENTION["methods"]
        if name in METHODS and (name in SLOW["methods"]) == slow
    ]
    rows: list[dict[str, object]] = []
    for scenario in OF_ATTENTION["scenarios"]:
        result = tr.evaluate(
            {"deep": tr.make_model("logistic", blocks=["deep"])},
            patients.table,
            outcome(scenario, reference, patients),
            scheme=tr.Bootstrap632Plus(n_resamples=N_RESAMPLES, seed=seed),
            n_jobs=1,
        )
        auc = float(result.summary().loc["deep", "auc_oob"])
        weights = embedding_weights(result, columns, name="deep", n_jobs=1)
        for name in methods:
            for sign in (SLOW if slow else OF_ATTENTION)["signs"]:
                maps = attention(
                    weights,
                    chosen,
                    extractor=extractor,
                    method=name,
                    settings=METHODS[name].settings_type(sign=sign),
                    device="cpu",
                    n_jobs=1,
                )
                about = {"scenario": scenario, "auc_oob": auc, "method": name, "sign": sign}
                for tumour in tumours:
                    if tumour.key in maps:
                        rows += [about | one for one in tumour.scores(maps[tumour.key])]
        if slow:
            continue
        # what does not depend on the model is scored on the same voxels
        for tumour in tumours:
            if tumour.key in maps:
                case = maps[tumour.key]
                for name, image in tumour.references(case).items():
                    about = {"scenario": scenario, "auc_oob": auc, "method": name, "sign": "none"}
                    rows += [about | one for one in tumour.scored(image, _covered(case))]
    frame = pd.DataFrame(rows)
    frame.insert(0, "seed", seed)
    part = done.with_suffix(".part")
    frame.to_csv(part, index=False, float_format="%.6g")
    part.rename(done)


class Tumour:
    """A lesion, its sensitive region and regions that could as well have been sensitive.

    Parameters
    ----------
    patients
        Of the seed.
    number
        The lesion's row.
    """

    def __init__(self, patients: Patients, number: int) -> None:
        row = patients.truth.iloc[number]
        self.key: tuple[str, str] = patients.truth.index[number]
        stem = "_".join(self.key)
        self.ct = sitk.ReadImage(
            str(patients.images / "images" / f"{self.key[0]}_baseline_ct.nii.gz")
        )
        mask = sitk.ReadImage(str(patients.images / "masks" / f"{stem}_baseline.nii.gz"))
        field = sitk.ReadImage(str(patients.images / row["field_map"]))
        whole = sitk.GetArrayFromImage(mask) > 0
        self.spacing = tuple(float(step) for step in reversed(mask.GetSpacing()))
        margin = [int(np.ceil(12.0 / step)) for step in self.spacing]
        self.box = tuple(
            slice(max(0, int(at.min()) - m), int(at.max()) + 1 + m)
            for at, m in zip(np.nonzero(whole), margin, strict=True)
        )
        self.mask: Mask = whole[self.box]
        self.field: Array = sitk.GetArrayFromImage(field)[self.box].astype(np.float64)
        # as smooth as the simulator makes the field of a tumour of this size
        radius = float(np.cbrt(3.0 * row["target_volume_baseline_cc"] * 1000.0 / (4.0 * np.pi)))
        self.smooth_mm = max(4.0, 0.4 * radius)
        self.rng_seed = [FROZEN["outcome"]["random_seed"], patients.seed, number, 7]

    @cached_property
    def regions(self) -> list[Mask]:
        """Return the sensitive region, and surrogates drawn in the same way."""
        rng = np.random.default_rng(self.rng_seed)
        sigma = (self.smooth_mm,) * 3
        fields = [
            blurred_noise(rng, self.mask.shape, sigma, self.spacing) for _ in range(N_SURROGATES)
        ]
        return [self._upper(field) for field in (self.field, *fields)]

    def _upper(self, field: npt.NDArray[np.floating]) -> Mask:
        return np.asarray(field > np.quantile(field[self.mask], SENSITIVE_ABOVE))

    def scores(self, case: CaseAttention) -> list[dict[str, object]]:
        """Return the score of a lesion's map, or nothing where too few voxels were shown."""
        return self.scored(sitk.GetArrayFromImage(case.map)[self.box], _covered(case))

    def scored(self, image: npt.NDArray[np.floating], covered: Mask) -> list[dict[str, object]]:
        """Return the score of an image on the lesion's box against that of the surrogates."""
        inside = self.mask & covered[self.box]
        ranks = rankdata(image[inside])
        found = np.array([_auc(ranks, region[inside]) for region in self.regions])
        if not np.isfinite(found[0]):
            return []
        others = found[1:][np.isfinite(found[1:])]
        return [
            {
                "patient_id": self.key[0],
                "auc": found[0],
                "auc_surrogates": others.mean(),
                "p": (1 + (others >= found[0]).sum()) / (1 + len(others)),
                "flat": bool(np.ptp(image[inside]) == 0),
            }
        ]

    def references(self, case: CaseAttention) -> dict[str, Array]:
        """Return what a perfect reader of texture, and of the field through cells, would draw."""
        ct = sitk.GetArrayFromImage(self.ct)[self.box].astype(np.float64)
        weight = self.mask.astype(np.float64)
        middle = ct[self.mask].mean()
        held = np.where(self.mask, ct, middle)
        rough = (held - ndimage.gaussian_filter(held, self._voxels(HIGH_PASS_MM))) ** 2 * weight
        smooth = self._voxels(SMOOTH_MM)
        energy = ndimage.gaussian_filter(rough, smooth) / np.maximum(
            ndimage.gaussian_filter(weight, smooth), 1e-6
        )
        side_mm = case.view_maps.grids[0].side_mm
        cell = (1, *(max(1, round(side_mm / CELLS / step)) for step in self.spacing[1:]))
        through = ndimage.uniform_filter(self.field * weight, cell) / np.maximum(
            ndimage.uniform_filter(weight, cell), 1e-6
        )
        return {"texture_energy": energy, "field_through_cells": through}

    def _voxels(self, mm: float) -> list[float]:
        return [mm / step for step in self.spacing]


def _covered(case: CaseAttention) -> Mask:
    return np.asarray(sitk.GetArrayFromImage(case.coverage) == 1)


def _auc(ranks: Array, region: Mask) -> float:
    """Return the area under the curve from ranks (ties have their mean rank)."""
    n, m = int(region.sum()), int((~region).sum())
    if min(n, m) < LEAST_VOXELS:
        return float("nan")
    return float((ranks[region].sum() - n * (n + 1) / 2) / (n * m))
