"""What each format costs: processor time of writing, memory and bytes, for tables of two sizes.

    python -P benchmarks/table_formats.py

A table of 100 lesions by 2,600 columns (radiomics and deep features of a study) and one of 2,000
by 5,000, of normal numbers with 2 % missing by two reasons. Each is written in a process of its
own, after a small sheet that has loaded everything. Processor time, not time on the clock, so that
neighbours on the machine matter little. Rows are appended to benchmarks/results/table_formats.csv;
what is there is not measured again.
"""

from __future__ import annotations

import csv
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from tumor_response.formats import FORMATS, Sheet, Variable, write_sheet

RESULTS = Path("benchmarks/results/table_formats.csv")
SIZES = ((100, 2_600), (2_000, 5_000))


def sheet_of(n_rows: int, n_columns: int) -> Sheet:
    """Make a sheet of normal numbers, 2 % of them missing with a reason."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(n_rows, n_columns))
    absent = rng.random(numbers.shape) < 0.02
    numbers[absent] = np.nan
    names = [f"radiomics__wavelet_LLH__glszm_Feature{i:04d}" for i in range(n_columns)]
    keys = pd.DataFrame(
        {"patient_id": [f"P{i:05d}" for i in range(n_rows)], "lesion_id": ["1"] * n_rows}
    )
    words = np.full(numbers.shape, "", dtype=object)
    words[absent] = rng.choice(["mask_empty", "roi_too_small"], size=int(absent.sum()))
    told = pd.DataFrame(words, columns=names, dtype=object)
    variables = [
        Variable("patient_id", "Patient", "text"),
        Variable("lesion_id", "Lesion", "text"),
        *(Variable(name, f"What {name} is", "number") for name in names),
    ]
    return Sheet(
        "features",
        "Features",
        pd.concat([keys, pd.DataFrame(numbers, columns=names)], axis=1),
        tuple(variables),
        pd.concat([keys.map(lambda _: "").astype(object), told], axis=1),
    )


def measure(format: str, n_rows: int, n_columns: int, answers: multiprocessing.Queue) -> None:
    """Write it once, and answer with processor seconds, extra MiB and megabytes."""
    sheet = sheet_of(n_rows, n_columns)
    with tempfile.TemporaryDirectory() as folder:
        write_sheet(sheet_of(2, 3), Path(folder) / "small", format)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.process_time()
        paths = write_sheet(sheet, Path(folder) / "large", format).paths
        seconds = time.process_time() - started
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size = sum(path.stat().st_size for path in paths if path.suffix == f".{format}")
    answers.put((round(seconds, 2), round((after - before) / 1024), round(size / 1e6, 2)))


def main() -> None:
    """Measure what is not in the results yet."""
    columns = ["format", "rows", "columns", "cpu_seconds", "extra_mib", "megabytes"]
    if not RESULTS.is_file():
        RESULTS.write_text(",".join(columns) + "\n")
    done = pd.read_csv(RESULTS)
    known = set(zip(done["format"], done["rows"], done["columns"], strict=True))
    context = multiprocessing.get_context("spawn")
    for n_rows, n_columns in SIZES:
        for format in FORMATS:
            if (format, n_rows, n_columns) in known:
                continue
            answers = context.Queue()
            process = context.Process(target=measure, args=(format, n_rows, n_columns, answers))
            process.start()
            row = (format, n_rows, n_columns, *answers.get())
            process.join()
            with RESULTS.open("a", newline="") as file:
                csv.writer(file, lineterminator="\n").writerow(row)
            print(row, flush=True)


if __name__ == "__main__":
    main()
