"""``tumor-response demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tumor_response.cli.console import messages_for_people
from tumor_response.cli.options import (
    DebugOption,
    JobsOption,
    RadiomicsOption,
    ResamplesOption,
    SeedOption,
)

__all__ = ["demo"]

EXAMPLES = ("tumor-response demo",)


def demo(
    directory: Annotated[Path, typer.Option(help="Folder that the demo goes to.")] = Path("demo"),
    n_patients: Annotated[int, typer.Option(help="Patients to simulate.", min=8)] = 60,
    n_resamples: ResamplesOption = 200,
    seed: SeedOption = 0,
    n_jobs: JobsOption = -1,
    signal: Annotated[
        float, typer.Option(help="Strength of the simulated signal; 0 is a null study.", min=0.0)
    ] = 1.0,
    radiomics: RadiomicsOption = "head_neck_ct",
    debug: DebugOption = False,
) -> None:
    """Go the whole way on a simulated cohort whose truth is known."""
    with messages_for_people(debug, "Run the same command again: what was finished is reused."):
        from tumor_response.cli.demo import run_demo
        from tumor_response.settings import checked_n_jobs
        from tumor_response.study.lock import alone_in

        with alone_in(directory):
            run_demo(
                directory,
                n_patients=n_patients,
                n_resamples=n_resamples,
                seed=seed,
                n_jobs=checked_n_jobs(n_jobs),
                signal=signal,
                radiomics=radiomics,
            )
