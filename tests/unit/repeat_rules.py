"""Rules, extractors and stores of repeats that tests build on: small, and without compilation."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk

from tumor_response.exceptions import CaseError, FeatureError
from tumor_response.features.base import FeatureSpec, FeatureValues
from tumor_response.features.deep import ViewStore
from tumor_response.settings import sha256_of_json


@dataclass(frozen=True)
class Offset:
    """An image that is brighter or darker."""

    hu: float

    def record(self):
        return {"offset_hu": self.hu}

    def apply(self, image, mask):
        return sitk.Cast(image, sitk.sitkFloat32) + self.hu, mask


@dataclass(frozen=True)
class RandomOffset:
    sd_hu: float = 5.0

    def identity(self):
        return {"rule": "random offset", "sd_hu": self.sd_hu}

    def draw(self, rng):
        return Offset(float(rng.normal(0, self.sd_hu)))


@dataclass(frozen=True)
class Cut:
    """A contour that ends before a slice; the image is left as it is."""

    at: int

    def record(self):
        return {"cut_at": self.at}

    def apply(self, image, mask):
        voxels = sitk.GetArrayFromImage(mask)
        voxels[: self.at] = 0
        if not voxels.any():
            raise CaseError("The contour has shrunk to nothing.", code="mask_emptied")
        cut = sitk.GetImageFromArray(voxels)
        cut.CopyInformation(mask)
        return image, cut


@dataclass(frozen=True)
class RandomCut:
    highest: int = 6

    def identity(self):
        return {"rule": "random cut", "highest": self.highest}

    def draw(self, rng):
        return Cut(int(rng.integers(1, self.highest + 1)))


@dataclass
class Simple:
    """Mean and SD in HU and the number of voxels; remembers which image objects it met."""

    block: str = "simple"
    at_least: int = 0
    cacheable = True
    variables: tuple = ()
    required_variables: tuple = ()
    seen: list = field(default_factory=list)

    def identity(self):
        return {"extractor": "simple", "at_least": self.at_least}

    def feature_specs(self):
        return [
            FeatureSpec(f"{self.block}__{name}", self.block, "all", "baseline", "", "", name)
            for name in ("mean", "sd", "voxels")
        ]

    def extract(self, case):
        self.seen.append(case.image)
        inside = sitk.GetArrayViewFromImage(case.image)[sitk.GetArrayViewFromImage(case.mask) > 0]
        if len(inside) < self.at_least:
            raise FeatureError(f"{len(inside)} voxels are too few.", code="roi_too_small")
        numbers = (inside.mean(), inside.std(), len(inside))
        names = [spec.column for spec in self.feature_specs()]
        return FeatureValues({n: float(v) for n, v in zip(names, numbers, strict=True)})


def by_hand(image, mask):
    """Return mean, SD and number of voxels, apart from any extractor."""
    inside = sitk.GetArrayFromImage(image)[sitk.GetArrayFromImage(mask) > 0].astype(float)
    return np.array([inside.mean(), inside.std(), len(inside)])


def stored_repeats(folder, values, columns, perturbations=None, applies=None):
    """Put repeats into a store in its documented format, and return the keys.

    ``values``: (n_lesions, 1 + n_repeats, n_columns), row 0 unaltered. ``perturbations``: one name
    per repeat. ``applies``: perturbation -> blocks, where it does not concern all.
    """
    store = ViewStore(folder)
    names = ["unaltered", *(perturbations or ["contour"] * (values.shape[1] - 1))]
    rows = [[name, names[:at].count(name)] for at, name in enumerate(names)]
    blocks: dict[str, int] = {}
    for column in columns:
        block = column.split("__")[0]
        blocks[block] = blocks.get(block, 0) + 1
    layout = {
        "format": 1,
        "identity": {},
        "rows": rows,
        "blocks": [list(one) for one in blocks.items()],
        "columns": list(columns),
        "applies": applies or {},
    }
    layout_key = sha256_of_json(layout)
    store.put_record(layout_key, layout)
    keys = []
    for number, of_lesion in enumerate(values):
        key = sha256_of_json([layout_key, number])
        store.put(key, np.ascontiguousarray(of_lesion))
        store.put_record(key, {"layout": layout_key, "draws": [None] * len(rows), "failed": []})
        keys.append(key)
    return keys
