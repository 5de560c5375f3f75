"""``simulate_cohort``: a folder of CTs and contours with a known truth."""

from __future__ import annotations

import operator
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from tumor_response._version import __version__
from tumor_response.exceptions import SettingsError
from tumor_response.parallel import spread
from tumor_response.settings import canonical_json, checked_n_jobs
from tumor_response.simulate.latents import simulate_latents
from tumor_response.simulate.patient import simulate_patient
from tumor_response.simulate.patient_files import PatientRows, write_patient
from tumor_response.simulate.settings import SimulationSettings

if TYPE_CHECKING:
    from tumor_response.cohort import Cohort

__all__ = ["simulate_cohort"]


def simulate_cohort(
    n_patients: int = 60,
    seed: int = 0,
    directory: str | os.PathLike[str] = "sim",
    *,
    signal: float = 1.0,
    image_signal: float = 1.0,
    mode: Literal["erosion", "deformation"] = "erosion",
    n_sites: int = 1,
    observer_error_mm: float = 0.0,
    lesions_per_patient: int | tuple[int, int] = 1,
    time_points: int = 2,
    missing_follow_up: float = 0.0,
    complete_responders: float = 0.0,
    mean_rate_percent_per_day: float = 1.05,
    planning_days: tuple[int, int] = (0, 0),
    n_jobs: int = 1,
) -> Cohort:
    """Simulate a head-and-neck cohort whose truth is known, and write it as NIfTI.

    Each lesion shrinks at a rate that depends on its volume, the patient's age and a response
    field that shows in its texture alone (see :mod:`tumor_response.simulate.latents` and
    :mod:`tumor_response.simulate.tumour` for the equations). Patient ``i`` of a seed is the same
    in a cohort of any size, and the files are the same to the byte for any ``n_jobs``.

    Parameters
    ----------
    n_patients
        Number of patients, at least 1.
    seed
        Non-negative integer.
    directory
        Where to write; is created, or exists and is empty.
    signal
        Factor on everything predictable about the rate; 0: nothing is.
    image_signal
        Factor on the image's part of it alone.
    mode
        ``"erosion"``: the boundary retreats, host tissue fills in; truth is the retreat in mm.
        ``"deformation"``: tissue contracts along a known map; truth is retreat and log-Jacobian.
    n_sites
        Number of hospitals, 1 to 26; several differ in noise, kernel, slice thickness, HU offset.
    observer_error_mm
        Standard deviation of the contour error in mm, independent at each time point.
    lesions_per_patient
        A number, or (lowest, highest); at most 4.
    time_points
        Number of CTs per patient, 2 to 10. The manifest carries the first and the last;
        ``time_points.csv`` lists those in between.
    missing_follow_up
        Expected fraction of patients without the last CT.
    complete_responders
        Expected fraction of lesions that are gone at follow-up, declared in the manifest.
    mean_rate_percent_per_day
        Population mean of the shrinkage rate, -1 to 1.05; the SD is 0.34.
    planning_days
        Lowest and highest number of days from the planning CT to the first fraction.
    n_jobs
        Number of processes.

    Returns
    -------
    Cohort
        What ``Cohort.from_csv`` reads from ``manifest.csv``.

    Raises
    ------
    SettingsError
        For an option out of range, or a directory that is not empty.

    Notes
    -----
    Files: ``images/``, ``masks/``, ``truth/`` (maps of field, retreat in mm and, in deformation
    mode, the log-Jacobian of the follow-up-to-baseline registration, negative where tissue
    shrank), ``truth.csv``, ``simulation.json`` (settings with their SHA-256, version) and, last
    of all, ``manifest.csv``: a folder without it is unfinished.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> cohort = tr.simulate_cohort(2, seed=1, directory=tempfile.mkdtemp())
    >>> [case.patient_id for case in cohort]
    ['P0001', 'P0002']
    """
    from tumor_response.cohort import Cohort

    settings = SimulationSettings(
        signal=signal,
        image_signal=image_signal,
        mode=mode,
        n_sites=n_sites,
        observer_error_mm=observer_error_mm,
        lesions_per_patient=lesions_per_patient,
        time_points=time_points,
        missing_follow_up=missing_follow_up,
        complete_responders=complete_responders,
        mean_rate_percent_per_day=mean_rate_percent_per_day,
        planning_days=planning_days,
    )
    n_jobs = checked_n_jobs(n_jobs)
    n_patients, seed = _whole_numbers(n_patients, seed)
    latents = simulate_latents(n_patients, seed, settings).reset_index()
    folder = Path(directory)
    _prepare(folder)
    record = {
        "n_patients": n_patients,
        "seed": seed,
        "settings": settings.model_dump(mode="json"),
        "settings_sha256": settings.sha256,
        "version": __version__,
    }
    _write_whole(folder / "simulation.json", canonical_json(record) + "\n")

    by_patient = [rows.to_dict("records") for _, rows in latents.groupby("patient_id", sort=False)]
    work = partial(_write_patients, seed, settings, folder)
    patients = list(spread(work, list(enumerate(by_patient)), n_jobs, "Simulating patients"))
    _write_table(folder / "truth.csv", [row for p in patients for row in p.truth])
    if time_points > 2:
        _write_table(folder / "time_points.csv", [row for p in patients for row in p.time_points])
    _write_table(folder / "manifest.csv", [row for p in patients for row in p.manifest])
    return Cohort.from_csv(folder / "manifest.csv")


def _write_patients(
    seed: int,
    settings: SimulationSettings,
    folder: Path,
    patients: list[tuple[int, list[dict[str, Any]]]],
) -> list[PatientRows]:
    return [
        write_patient(simulate_patient(number, rows, seed, settings), folder)
        for number, rows in patients
    ]


def _whole_numbers(n_patients: int, seed: int) -> tuple[int, int]:
    """Return plain integers, before anything is written; NumPy's are no JSON."""
    try:
        return operator.index(n_patients), operator.index(seed)
    except TypeError:
        raise SettingsError(
            f"simulate_cohort: n_patients={n_patients!r}, seed={seed!r}; expected whole numbers."
        ) from None


def _prepare(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"simulate_cohort: {str(folder)!r} is a file; name a folder.")
    if folder.exists() and any(folder.iterdir()):
        if (folder / "manifest.csv").exists() and (folder / "simulation.json").exists():
            found = "already holds a simulated cohort; read it with Cohort.from_csv"
        elif (folder / "simulation.json").exists():
            found = "holds a simulation that was interrupted (there is no manifest.csv); delete it"
        else:
            found = "is not empty; nothing in it was touched: empty it"
        raise SettingsError(
            f"simulate_cohort: folder {str(folder)!r} {found}, or give another directory=."
        )
    for name in ("images", "masks", "truth"):
        (folder / name).mkdir(parents=True)


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    _write_whole(path, pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"))


def _write_whole(path: Path, text: str) -> None:
    """Write a file that is either complete or not there."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(text.encode())
    part.replace(path)
