"""Make the tutorial's study: a folder of DICOM as a hospital exports it, and ``clinical.csv``.

    python docs/_tutorial/study.py STUDY_FOLDER --real DATA/sts/dicom

What is real and what is not:

- With ``--real``: the planning CT and the contour of real soft-tissue sarcoma patients (six in the
  IBSI validation set of The Cancer Imaging Archive's Soft-tissue-Sarcoma). Their follow-up CT and
  contour are the baseline, deformed (:mod:`shrinking`). There is no real second scan.
- ``--simulated``: further patients whose CTs and contours are simulated altogether
  (``tr.simulate_cohort``), written as DICOM. Their response hangs on volume, age and texture.
- Age, stage, treatment dates of all, and how much the real patients' tumours shrink, are drawn
  from a random generator. For the real ones the rate hangs on volume and age, not on texture.

Two patients are left as they come out of real archives: one has no contour on the follow-up, and
``new/`` holds one who was planned today and has no follow-up at all.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import SimpleITK as sitk
from dicom_files import rewrite_ct, write_ct
from shrinking import shrunk

import tumor_response as tr

STAGES = ("II", "III", "IV")


@dataclass(frozen=True)
class Export:
    """The folder, and what is known of its patients."""

    folder: Path
    seed: int

    def clinical(
        self, patient_id: str, age: float, days: tuple[date, date, date], site: str
    ) -> dict[str, object]:
        """Return a row of clinical.csv; ``days``: of planning CT, first fraction, second CT."""
        random = np.random.default_rng([self.seed, *patient_id.encode()])
        _, start, second = days
        # five fractions of 2 Gy a week
        fractions = int(np.busday_count(start, second))
        return {
            "patient_id": patient_id,
            "age": round(age, 1),
            "stage": STAGES[random.choice(3, p=[0.3, 0.45, 0.25])],
            "rt_start_date": start.isoformat(),
            "fractions_at_follow_up": fractions,
            "dose_gy_at_follow_up": 2.0 * fractions,
            "site": site,
        }

    def real(self, source: Path) -> dict[str, object]:
        """Copy a real patient's baseline and write a deformed follow-up; return the row."""
        images = sorted((source / "CT" / "image").iterdir())
        images.sort(key=_height)
        header = pydicom.dcmread(images[0], stop_before_pixels=True)
        patient_id = str(header.PatientID)
        random = np.random.default_rng([self.seed, 1, *patient_id.encode()])
        baseline = self.folder / patient_id / "planning"
        shutil.copytree(source / "CT" / "image", baseline)
        structures = shutil.copy(next((source / "CT" / "mask").iterdir()), baseline / "RS.dcm")

        name = str(pydicom.dcmread(structures).StructureSetROISequence[0].ROIName)
        (case,) = tr.Cohort.from_dicom(baseline, roi=".*")
        image, mask = case.read_image(), case.read_mask()
        age = float(np.clip(random.normal(60, 12), 30, 85))
        volume_cc = _volume_cc(mask)
        rate = 0.9 - 0.25 * np.log(volume_cc / 150) - 0.02 * (age - 60) + random.normal(0, 0.3)
        planned = datetime.strptime(str(header.StudyDate), "%Y%m%d").date()
        start = planned + timedelta(int(random.integers(5, 15)))
        second = start + timedelta(int(random.integers(26, 33)))
        remainder = 1.0 - float(np.clip(rate, -0.3, 1.9)) * (second - start).days / 100
        after, left, _ = shrunk(image, mask, remainder, int(random.integers(2**31)))
        follow_up = self.folder / patient_id / "week_4"
        rewrite_ct(follow_up, images, after, second, "week_4")
        _contour(follow_up, {name: left}, second)
        return self.clinical(patient_id, age, (planned, start, second), "sarcoma")

    def simulated(self, manifest: Path, row: pd.Series, *, contoured: bool) -> dict[str, object]:
        """Write a simulated patient's two scans as DICOM; return the row."""
        random = np.random.default_rng([self.seed, 2, *row.patient_id.encode()])
        sex = str(random.choice(["F", "M"]))
        days = tuple(
            date.fromisoformat(row[day]) for day in ("date", "rt_start_date", "follow_up_date")
        )
        for name, day, prefix in (("planning", days[0], ""), ("week_4", days[2], "follow_up_")):
            image = sitk.ReadImage(manifest.parent / row[f"{prefix}image"])
            folder = self.folder / row.patient_id / name
            write_ct(folder, image, row.patient_id, sex, day, name)
            body = sitk.BinaryThreshold(image, -400, 3000)
            masks = {"BODY": body}
            if contoured or not prefix:
                masks["GTVp"] = sitk.ReadImage(manifest.parent / row[f"{prefix}mask"])
            _contour(folder, masks, day)
        return self.clinical(row.patient_id, float(row.age), days, "simulated")


def make(folder: Path, real: Path | None, n_simulated: int, seed: int) -> None:
    """Write ``export/``, ``new/`` (the last patient's planning scan) and ``clinical.csv``."""
    export = Export(folder / "export", seed)
    rows = [export.real(source) for source in sorted(real.iterdir())] if real else []
    with tempfile.TemporaryDirectory() as scratch:
        tr.simulate_cohort(
            n_simulated + 1, seed, scratch, mode="deformation", planning_days=(5, 14)
        )
        manifest = Path(scratch) / "manifest.csv"
        for number, row in pd.read_csv(manifest, dtype={"lesion_id": str}).iterrows():
            rows.append(export.simulated(manifest, row, contoured=number != 2))
    last = rows[-1]
    shutil.move(export.folder / str(last["patient_id"]) / "planning", folder / "new" / "planning")
    shutil.rmtree(export.folder / str(last["patient_id"]))
    table = pd.DataFrame(rows)
    table.iloc[:-1].to_csv(folder / "clinical.csv", index=False)
    known = table.iloc[-1:][["patient_id", "age", "stage", "rt_start_date"]]
    known.to_csv(folder / "new" / "clinical.csv", index=False)


def _contour(folder: Path, masks: dict[str, sitk.Image], day: date) -> None:
    """Add the structure set of a folder's series; the same masks give the same bytes."""
    written = datetime(day.year, day.month, day.day, 13)
    tr.write_rtstruct(folder / "RS.dcm", masks, folder, written=written, uid_seed="tutorial")


def _height(file: Path) -> float:
    return float(pydicom.dcmread(file, stop_before_pixels=True).ImagePositionPatient[2])


def _volume_cc(mask: sitk.Image) -> float:
    return float(sitk.GetArrayViewFromImage(mask).sum()) * float(np.prod(mask.GetSpacing())) / 1000


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a folder that is not there yet")
    parser.add_argument("--real", type=Path, help="folder of the real patients (sts/dicom)")
    parser.add_argument("--simulated", type=int, default=20, help="number of simulated patients")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    make(given.folder, given.real, given.simulated, given.seed)


if __name__ == "__main__":
    main()
