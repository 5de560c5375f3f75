"""``tumor-response predict``: a trained predictor on new images, from a file to a table."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tumor_response.cli.console import messages_for_people, say, show_records
from tumor_response.cli.options import DebugOption, JobsOption
from tumor_response.cli.output import found
from tumor_response.exceptions import SettingsError

if TYPE_CHECKING:
    import pandas as pd

    from tumor_response.cohort import Cohort
    from tumor_response.predictor import ShrinkagePredictor

__all__ = ["predict"]

EXAMPLES = (
    "tumor-response predict model.trz manifest.csv --out predictions.csv",
    "tumor-response predict model.trz export/ --roi GTVp --clinical-table clinical.csv",
    "tumor-response predict model.trz manifest.csv --pages pages",
)

_SHOWN = 20
_NAMED = 8
NOT_A_DEVICE = "For research; not a medical device."


def predict(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL.trz", help="File that a predictor was saved to.")
    ],
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST|FOLDER",
            help="CSV file with one row per lesion; or, with --roi, a folder or zip of DICOM "
            "objects.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="CSV file that the predictions go to.")
    ] = Path("predictions.csv"),
    roi: Annotated[
        str | None,
        typer.Option(
            help="For a folder: the tumour's structure, a regular expression that matches its "
            "whole name."
        ),
    ] = None,
    clinical_table: Annotated[
        Path | None,
        typer.Option(help="For a folder: CSV file with patient_id and the model's variables."),
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="What the file's SHA-256 has to be, as its sender told it.")
    ] = None,
    coverage: Annotated[
        float, typer.Option(help="Of the label sets or intervals, as fitted: 0.8, 0.9, 0.95.")
    ] = 0.9,
    contours: Annotated[
        int,
        typer.Option(help="Predict under as many other plausible contours; 0: not.", min=0),
    ] = 0,
    observer_sd_mm: Annotated[
        float,
        typer.Option(help="SD of such contours along the normal, mm; give your own.", min=0.0),
    ] = 2.0,
    pages: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write a page of A4 for each lesion to this folder, under a pseudonym.",
            show_default="none",
        ),
    ] = None,
    refuse_out_of_domain: Annotated[
        bool,
        typer.Option(
            "--refuse-out-of-domain",
            help="Refuse lesions outside the training domain instead of flagging them.",
            show_default=False,
        ),
    ] = False,
    cache_dir: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|URL", help="Where finished cases are kept.", show_default="none"
        ),
    ] = None,
    n_jobs: JobsOption = -1,
    debug: DebugOption = False,
) -> None:
    """Predict new lesions by a saved predictor: probability, label set, limits, refusals.

    Every lesion of the manifest has a row. A refused one has no numbers and says why.
    """
    with messages_for_people(debug, "Run the same command again."):
        from tumor_response.formats.whole import write_whole
        from tumor_response.predictor.predictor import ShrinkagePredictor
        from tumor_response.predictor.refusal import RefusalRule
        from tumor_response.settings import checked_n_jobs

        n_jobs = checked_n_jobs(n_jobs)
        predictor = ShrinkagePredictor.load(model, sha256=sha256)
        say(f"{model.name}: {predictor!r}, SHA-256 {predictor.sha256_}.")
        cohort = _cohort(manifest, roi, clinical_table, n_jobs)
        asked: dict[str, Any] = {
            "coverage": coverage,
            "contours": contours,
            "observer_sd_mm": observer_sd_mm,
            "refuse": RefusalRule(out_of_domain=refuse_out_of_domain),
            "n_jobs": n_jobs,
            "cache_dir": cache_dir,
        }
        if pages is None:
            predictions = predictor.predict(cohort, **asked)
        else:
            predictions = _with_pages(predictor, cohort, pages, asked)
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, predictions.to_csv)
        told = {
            "note": NOT_A_DEVICE,
            "model_sha256": predictor.sha256_,
            "coverage": coverage,
            "contours": contours,
            "observer_sd_mm": observer_sd_mm if contours else None,
            "refuse_out_of_domain": refuse_out_of_domain,
            "threshold": dict(predictor.state_.threshold),
            "end_point": dict(predictor.state_.end_point),
        }
        beside = out.with_suffix(".json")
        text = json.dumps(told, indent=2, sort_keys=True) + "\n"
        write_whole(beside, partial(_write_text, text))
        _show(predictions)
        flat = predictions.reset_index()
        found(
            **told,
            n_lesions=len(flat),
            n_refused=int(flat["refused"].sum()),
            predictions=json.loads(flat.to_json(orient="records", double_precision=15)),
            table=str(out.resolve()),
            pages=None if pages is None else str(pages.resolve()),
        )
        say(f"Predictions: {out}; what they were made with: {beside}.")
        say(NOT_A_DEVICE)


def _with_pages(
    predictor: ShrinkagePredictor, cohort: Cohort, folder: Path, asked: dict[str, Any]
) -> pd.DataFrame:
    """Predict and write the patient pages from one extraction."""
    from tumor_response.reporting.patient import patient_page

    written = patient_page(predictor, cohort, folder, **asked)
    say(f"Patient pages: {len(written.paths)} in {folder}.")
    if len(written.failures):
        show_records("Without a page", written.failures, _SHOWN)
    return written.predictions


def _cohort(manifest: Path, roi: str | None, clinical_table: Path | None, n_jobs: int) -> Cohort:
    import tumor_response as tr

    if not (manifest.is_dir() or manifest.suffix.lower() == ".zip"):
        if roi is not None or clinical_table is not None:
            raise SettingsError(
                "--roi and --clinical-table are for folders; a manifest has columns for them."
            )
        return tr.Cohort.from_csv(manifest)
    if roi is None:
        raise SettingsError(
            f"{manifest} is a folder: say which structure is the tumour, --roi 'GTV.*'."
        )
    cohort = tr.Cohort.from_dicom(manifest, roi, clinical=clinical_table, n_jobs=n_jobs)
    if len(cohort.left_out):
        show_records("Left out", cohort.left_out, _SHOWN)
    return cohort


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


def _show(predictions: pd.DataFrame) -> None:
    """Say how many were predicted, flagged and refused, and show the first rows."""
    refused = predictions["refused"].to_numpy(dtype=bool)
    outside = ~predictions["in_domain"].to_numpy(dtype=bool) & ~refused
    say(
        f"{len(predictions)} lesions: {int((~refused).sum())} predicted, {int(outside.sum())} of "
        f"them outside the training domain; {int(refused.sum())} refused."
    )
    names = predictions.index[refused]
    for code in dict.fromkeys(predictions.loc[refused, "refusal"]):
        of_code = [
            " ".join(map(str, name)) if isinstance(name, tuple) else str(name)
            for name in names[predictions.loc[refused, "refusal"].eq(code).to_numpy()]
        ]
        more = f" and {len(of_code) - _NAMED} more" if len(of_code) > _NAMED else ""
        say(f"Refused, {code}: {', '.join(of_code[:_NAMED])}{more}")
    shown = [
        "probability",
        "rate",
        "label_set",
        "interval_low",
        "interval_high",
        "in_domain_score",
        "out_of_domain",
        "refusal",
    ]
    flat = predictions.reset_index()
    keys = [name for name in predictions.index.names if name is not None]
    show_records("Predictions", flat[[*keys, *(name for name in shown if name in flat)]], _SHOWN)
