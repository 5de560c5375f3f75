"""How soon a report can be used: from navigating to it until a click has been handled and drawn.

Opens a written report in headless Chromium at 1280 pixels, several times, and clicks on a link of
its contents as soon as the page has loaded. The browser's own clock is read in the frame after the
click. The number of elements and the file's size say what was opened.

Run:  python -m benchmarks.report_usable REPORT [--name NAME] [--repeats 5]
Writes a row to benchmarks/results/report_usable.csv.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from pathlib import Path

import pandas as pd

from tests.browser import Browser

RESULTS = Path(__file__).parent / "results" / "report_usable.csv"


def measured(report: Path, repeats: int) -> dict[str, float]:
    """Return seconds until usable over fresh tabs, elements, and megabytes."""
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(Path(profile))
        try:
            tabs = [browser.open(report) for _ in range(repeats)]
            seconds = [tab.usable_after_s("nav a") for tab in tabs]
            elements = tabs[0].evaluate("document.querySelectorAll('*').length")
        finally:
            browser.close()
    return {
        "megabytes": round(report.stat().st_size / 1e6, 2),
        "elements": elements,
        "repeats": repeats,
        "median_s": round(statistics.median(seconds), 2),
        "largest_s": round(max(seconds), 2),
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("--name", default=None)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    row = {"report": asked.name or asked.report.stem, **measured(asked.report, asked.repeats)}
    print(row)
    known = pd.read_csv(RESULTS) if RESULTS.exists() else pd.DataFrame()
    rows = pd.concat([known, pd.DataFrame([row])]).drop_duplicates("report", keep="last")
    rows.sort_values("report").to_csv(RESULTS, index=False)


if __name__ == "__main__":
    main()
