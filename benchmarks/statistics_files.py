"""What writing a table for Stata, SPSS, SAS and R costs, against the libraries that do it too.

    OMP_NUM_THREADS=1 python -P benchmarks/statistics_files.py [--rows 200] [--turns 3]

A table of 5,000 features with the names that radiomics columns have, one of 200 lesions without
any value and with the reason why. One side is ``write_sheet``, with labels, names and reasons; the
other side writes what it can: pyreadstat with labels (for Stata once more with reasons, which it
takes as letters among the numbers), rdata a plain data frame. SPSS and R have no limit, for Stata
ours writes three files and pyreadstat one. Processor seconds, and bytes of the files; each turn is
a row of ``benchmarks/results/statistics_files.csv``, appended.

Quick: --rows 200 --turns 1
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import rdata

from tumor_response.formats import Sheet, Variable, write_sheet

RESULTS = Path(__file__).parent / "results" / "statistics_files.csv"


def features(n_rows: int, n_columns: int = 5_000) -> Sheet:
    """Return a table of features; one lesion has no values, and a reason."""
    numbers = np.random.default_rng(0).normal(size=(n_rows, n_columns))
    numbers[5] = np.nan
    names = [f"radiomics__wavelet_LLH__glszm_Feature{i}" for i in range(n_columns)]
    keys = pd.DataFrame({"patient_id": [f"P{i}" for i in range(n_rows)], "lesion_id": "1"})
    frame = pd.concat([keys, pd.DataFrame(numbers, columns=names)], axis=1)
    reasons = pd.DataFrame("", index=frame.index, columns=frame.columns, dtype=object)
    reasons.iloc[5, 2:] = "mask_empty"
    variables = [
        Variable("patient_id", "Patient", "text"),
        Variable("lesion_id", "Lesion", "text"),
        *[Variable(name, f"Feature {i}", "number") for i, name in enumerate(names)],
    ]
    return Sheet("features", "Features", frame, tuple(variables), reasons)


def others(sheet: Sheet, folder: Path) -> dict[tuple[str, str], Callable[[], None]]:
    """Return what the libraries do, from a frame with short names."""
    columns = list(sheet.frame.columns)
    # it has no value labels for columns whose names have 32 characters, as Stata allows
    short = {name: f"radiomics_feature_{i}" for i, name in enumerate(columns)}
    frame = sheet.frame.rename(columns=short)
    labels = [variable.label for variable in sheet.variables]
    lettered = frame.astype(object)
    lettered.iloc[5, 2:] = "a"
    plain = frame.astype(dict.fromkeys(frame.columns[:2], object))  # it has no pandas strings
    words = {name: {"a": "mask_empty"} for name in frame.columns[2:]}
    letters = {name: ["a"] for name in frame.columns[2:]}

    def stata() -> None:
        pyreadstat.write_dta(frame, folder / "o.dta", column_labels=labels, version=14)

    def stata_with_reasons() -> None:
        pyreadstat.write_dta(
            lettered,
            folder / "o.dta",
            column_labels=labels,
            version=14,
            variable_value_labels=words,
            missing_user_values=letters,
        )

    def spss() -> None:
        pyreadstat.write_sav(frame, folder / "o.sav", column_labels=labels)

    def sas() -> None:
        pyreadstat.write_xport(frame, folder / "o.xpt", column_labels=labels)

    def r() -> None:
        rdata.write_rds(folder / "o.rds", plain)

    return {
        ("dta", "pyreadstat, without reasons"): stata,
        ("dta", "pyreadstat"): stata_with_reasons,
        ("sav", "pyreadstat, without reasons"): spss,
        ("xpt", "pyreadstat, without reasons"): sas,
        ("rds", "rdata, without labels and reasons"): r,
    }


def main() -> None:
    """Write all files in turns and append what each cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args()
    sheet = features(asked.rows)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sides: dict[tuple[str, str], Callable[[], object]] = {
            (format, "ours"): partial(write_sheet, sheet, folder / "t", format)
            for format in ("dta", "sav", "xpt", "rds")
        }
        sides |= others(sheet, folder)
        for turn in range(asked.turns):
            for (format, side), write in sides.items():
                before = time.process_time()
                write()
                seconds = time.process_time() - before
                size = sum(path.stat().st_size for path in folder.glob(f"*.{format}"))
                for path in folder.iterdir():
                    path.unlink()
                row = pd.DataFrame(
                    {
                        "format": [format],
                        "side": side,
                        "rows": asked.rows,
                        "turn": turn,
                        "seconds": round(seconds, 3),
                        "bytes": size,
                    }
                )
                row.to_csv(RESULTS, mode="a", header=not RESULTS.exists(), index=False)
                print(format, side, round(seconds, 2), size, flush=True)


if __name__ == "__main__":
    main()
