"""The consensus values of the IBSI, read from the published tables."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from tumor_response.features.radiomics.ibsi.settings import (
    IbsiSettings,
    ibsi_a,
    ibsi_b,
    ibsi_c,
)

# table -> phantom and settings; the digital phantom's intensities are its grey levels
TABLES = {
    "digital_phantom": ("digital_phantom", IbsiSettings(bin_size=1)),
    "config_A": ("ct_phantom", ibsi_a),
    "config_B": ("ct_phantom", ibsi_b),
    "config_C": ("ct_phantom", ibsi_c),
}


@dataclass(frozen=True)
class Consensus:
    family: str
    tag: str
    value: float
    tolerance: float

    def agrees(self, found: float) -> bool:
        """Within tolerance, where values are compared as they are published: to three digits."""
        rounded = float(f"{found:.3g}")
        allowed = self.tolerance * (1 + 1e-9)
        return abs(found - self.value) <= allowed or abs(rounded - self.value) <= allowed


def consensus(shared_data: Path, table: str, family: Callable[[str], bool]) -> list[Consensus]:
    """Return the standardised values of the families that ``family`` accepts."""
    path = shared_data / "ibsi" / "reference_values" / f"ibsi_1_reference_values_{table}.csv"
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return [
            Consensus(
                row["family"], row["tag"], float(row["reference value"]), float(row["tolerance"])
            )
            for row in csv.DictReader(lines)
            if family(row["family"]) and row["consensus"] != "not standardized"
        ]


def phantom(shared_data: Path, table: str) -> tuple[sitk.Image, sitk.Image, IbsiSettings]:
    name, settings = TABLES[table]
    folder = shared_data / "ibsi" / name
    image = sitk.ReadImage(str(folder / "image" / "phantom.nii.gz"))
    mask = sitk.ReadImage(str(folder / "mask" / "mask.nii.gz"))
    return image, mask, settings


def misses(expected: list[Consensus], found: dict[str, float]) -> list[str]:
    """Return every value that is missing or out of tolerance, in words."""
    named = []
    for one in expected:
        if one.tag not in found:
            named.append(f"{one.tag}: not computed")
        elif not one.agrees(found[one.tag]):
            named.append(
                f"{one.tag} ({one.family}): {found[one.tag]:.6g}, expected {one.value:g} "
                f"within {one.tolerance:g}"
            )
    return named
