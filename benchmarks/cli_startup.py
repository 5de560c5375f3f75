"""How long the command line takes to answer, against a Python that does nothing.

Each command is started as often as asked, in turns with ``python -c pass``; medians of wall time
and of processor time, and their ratios, go to ``results/cli_startup.csv``. A ratio says more than
seconds do on a busy machine.

    python -P benchmarks/cli_startup.py --repeats 15

Quick: --repeats 3
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

RESULTS = Path(__file__).parent / "results" / "cli_startup.csv"
COMMANDS = {
    "nothing": ["-c", "pass"],
    "import of typer alone": ["-c", "import typer"],
    "--help": ["-m", "tumor_response.cli", "--help"],
    "--version": ["-m", "tumor_response.cli", "--version"],
    "evaluate --help": ["-m", "tumor_response.cli", "evaluate", "--help"],
    "a mistyped command": ["-m", "tumor_response.cli", "evalute"],
}


def taken(arguments: list[str]) -> tuple[float, float]:
    """Start one; return wall and processor seconds."""
    before, start = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-P", *arguments], capture_output=True)
    wall, after = time.perf_counter() - start, os.times()
    used = after.children_user + after.children_system
    return wall, used - before.children_user - before.children_system


def main() -> None:
    """Measure all, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for arguments in COMMANDS.values():
        taken(arguments)  # compiled files and the disk's cache
    for _ in range(repeats):
        for name, arguments in COMMANDS.items():
            times[name].append(taken(arguments))
    rows = [
        {
            "started": name,
            "wall_s": statistics.median(wall for wall, _ in seen),
            "cpu_s": statistics.median(cpu for _, cpu in seen),
        }
        for name, seen in times.items()
    ]
    table = pd.DataFrame(rows).set_index("started")
    for column in ("wall", "cpu"):
        seconds = table[f"{column}_s"]
        table[f"{column}_ratio"] = seconds / seconds["nothing"]
    table["repeats"] = repeats
    table.round(3).to_csv(RESULTS)
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()
