"""How large a report with everything in it is, and how long it takes to write.

Builds the study of :mod:`tests.everything` (simulated volumes and responses, columns made by hand,
no images) and writes its report.

Run:  python -m benchmarks.report_size [--patients 300] [--resamples 200] [--out FOLDER]
Writes the report to FOLDER/report.html, default a temporary folder, appends a row to
benchmarks/results/report_size.csv, and prints the largest parts of the page.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from pathlib import Path

import pandas as pd

import tumor_response as tr
from tests.everything import everything

RESULTS = Path(__file__).parent / "results" / "report_size.csv"


def sections(page: str) -> pd.Series:
    """Return the bytes of each section of a page, the largest first."""
    starts = [
        (m.group(1), m.start()) for m in re.finditer(r'<section aria-labelledby="([^"]+)"', page)
    ]
    ends = [start for _, start in starts[1:]] + [len(page)]
    sizes = {
        name: len(page[start:end].encode()) for (name, start), end in zip(starts, ends, strict=True)
    }
    return pd.Series(sizes).sort_values(ascending=False)


def main() -> None:
    """Build, write, measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=300)
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--out", type=Path, default=None)
    asked = parser.parse_args()
    folder = asked.out or Path(tempfile.mkdtemp())
    result, given = everything(folder / "study", asked.patients, n_resamples=asked.resamples)
    begun = time.process_time()
    path = tr.report(result, folder / "report.html", **given)
    row = {
        "n_patients": asked.patients,
        "n_resamples": asked.resamples,
        "megabytes": round(path.stat().st_size / 1e6, 2),
        "cpu_seconds": round(time.process_time() - begun, 1),
    }
    print(sections(path.read_text(encoding="utf-8")).to_string())
    print(path, row)
    known = pd.read_csv(RESULTS) if RESULTS.exists() else pd.DataFrame()
    keys = ["n_patients", "n_resamples"]
    rows = pd.concat([known, pd.DataFrame([row])]).drop_duplicates(keys, keep="last")
    rows.sort_values(keys).to_csv(RESULTS, index=False)


if __name__ == "__main__":
    main()
