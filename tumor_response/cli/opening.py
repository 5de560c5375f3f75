"""From the options that its commands share to a study, alone in its folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tumor_response.exceptions import SettingsError

if TYPE_CHECKING:
    from tumor_response.cli.options import Days, Failed
    from tumor_response.cli.study import Study
    from tumor_response.study.plan import Plan

__all__ = ["RESUME", "check_writable", "open_study", "plan_of"]

RESUME = "Run the same command again: cases that were finished come from the cache."


def check_writable(folder: Path) -> None:
    """Refuse a folder that results could not go to, before there are any.

    Raises
    ------
    SettingsError
        If this user may not write there.
    """
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if place.is_dir() and not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
        raise SettingsError(
            f"{folder}: you may not write to {place}. Name a folder of your own, or have its "
            "rights changed."
        )


@contextmanager
def open_study(
    manifest: Path,
    roi: str | None,
    clinical_table: Path | None,
    out: Path,
    radiomics: str,
    backbone: str,
    weights: str,
    clinical: list[str] | None,
    category: list[str] | None,
    cache_dir: str | None,
    n_jobs: int,
) -> Iterator[Study]:
    """Make a study of the options that all its commands share, alone in its folder."""
    from tumor_response.cli.study import Study, categories_of
    from tumor_response.settings import checked_n_jobs
    from tumor_response.study.blocks import Blocks
    from tumor_response.study.lock import alone_in
    from tumor_response.study.making import Source

    categories = categories_of(category or [])
    blocks = Blocks(radiomics, backbone, weights, clinical or [], categories)
    source = Source(manifest, roi, clinical_table)
    check_writable(out)
    with alone_in(out):
        yield Study(source, out, blocks, cache_dir, checked_n_jobs(n_jobs))


def plan_of(
    by: str,
    per: Days,
    cut: str,
    model: list[str] | None,
    n_resamples: int,
    seed: int,
    failed: Failed,
    observer_error_mm: float,
) -> Plan:
    """Return the plan of an evaluation that the options describe."""
    from tumor_response.study.plan import Plan

    return Plan(
        *(by, per.value, cut, tuple(model or ()), n_resamples, seed, failed.value),
        observer_error_mm=observer_error_mm,
    )
