"""Compare our values with IBSI's consensus on the digital phantom and configurations A, B and C.

Every feature, and every diagnostic of the processing, for which IBSI has a consensus value counts.
A value is met if it lies within IBSI's tolerance after rounding to the three digits that IBSI
gives. Prints how many are met per configuration and family, and names the misses.

Run:  python benchmarks/ibsi_table.py [--data ../shared/data]
Writes benchmarks/results/ibsi.csv: our values, whether each is met, and its difference from the
consensus in tolerances. IBSI's own values are not in it; they are at
https://github.com/theibsi/data_sets.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.reference.ibsi_values import TABLES, Consensus, consensus, phantom
from tumor_response.features.radiomics.ibsi.diagnostics import diagnostics
from tumor_response.features.radiomics.ibsi.engine import ibsi_features
from tumor_response.features.radiomics.ibsi.features import CATALOGUE
from tumor_response.features.radiomics.ibsi.settings import IbsiSettings

RESULTS = Path(__file__).parent / "results" / "ibsi.csv"


def our_values(data: Path, table: str) -> dict[str, float]:
    """Return tag -> our value for everything that a table is about."""
    image, mask, settings = phantom(data, table)
    values: dict[str, float] = {}
    # only the digital phantom's table has the variants of both dimensions
    for dimension in ("2d", "3d") if table == "digital_phantom" else (settings.dimension,):
        own = IbsiSettings(**{**settings.model_dump(), "dimension": dimension})
        start = time.perf_counter()
        found = ibsi_features(image, mask, own)
        seconds = time.perf_counter() - start
        print(f"{table} ({dimension}): {len(found)} features in {seconds:.2f} s", flush=True)
        values |= diagnostics(image, mask, own) | found
    return values


def in_tolerances(expected: Consensus, ours: float) -> float:
    """Return the difference in tolerances, half a unit of the third digit added for rounding."""
    unit = 10.0 ** (math.floor(math.log10(abs(expected.value))) - 2) if expected.value else 0.0
    allowed = expected.tolerance + unit / 2
    return abs(ours - expected.value) / allowed if allowed else (math.inf if ours else 0.0)


def rows_of(data: Path, table: str) -> pd.DataFrame:
    """Return one row per consensus value."""
    ours = our_values(data, table)
    rows = []
    for expected in consensus(data, table, bool):
        feature = CATALOGUE.get(expected.tag)  # diagnostics of the processing are no features
        value = ours.get(expected.tag, float("nan"))
        rows.append(
            {
                "configuration": table,
                "family": feature.family if feature else "Diagnostics",
                "aggregation": feature.aggregation if feature else "",
                "tag": expected.tag,
                "ibsi_code": feature.code if feature else "",
                "ours": value,
                "met": expected.agrees(value),
                "difference_in_tolerances": in_tolerances(expected, value),
            }
        )
    return pd.DataFrame(rows)


def table_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return met / all per family and configuration, with totals."""
    families = list(dict.fromkeys(rows["family"]))
    configurations = list(dict.fromkeys(rows["configuration"]))
    cells = pd.DataFrame(index=[*families, "all"], columns=configurations)
    for family in cells.index:
        for name in configurations:
            chosen = (rows["configuration"] == name) & (
                rows["family"].isin([family]) | (family == "all")
            )
            met = rows.loc[chosen, "met"]
            cells.loc[family, name] = f"{met.sum()} / {len(met)}" if len(met) else ""
    return cells


def main() -> None:
    """Print the table and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).parents[1].parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=default)
    data = parser.parse_args().data
    rows = pd.concat([rows_of(data, name) for name in TABLES], ignore_index=True)
    rows.to_csv(RESULTS, index=False, float_format="%.6g")
    print(table_of(rows).to_string())
    missed = rows[~rows["met"]]
    for row in missed.itertuples():
        print(
            f"missed: {row.configuration} {row.tag}: {row.ours:.6g}, "
            f"{row.difference_in_tolerances:.2f} tolerances off"
        )
    print(f"{len(rows) - len(missed)} of {len(rows)} consensus values are met.")


if __name__ == "__main__":
    main()
