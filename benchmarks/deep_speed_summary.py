"""Put what was measured into the page on speed.

    python benchmarks/deep_speed_summary.py

Reads ``benchmarks/results/deep_speed_*.csv`` and replaces what stands between the comments
``<!-- <name> -->`` and ``<!-- end -->`` of ``docs/guide/deep_speed.md``; a part without its file
says that it was not measured.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "guide" / "deep_speed.md"
LIBRARY_ORDER = ("onnxruntime", "openvino", "eager")


def geometric_mean(values: pd.Series) -> float:
    """Return the geometric mean."""
    return float(np.exp(np.log(values).mean()))


def markdown(header: str, lines: list[str]) -> str:
    """Return a table."""
    ruler = "| " + " | ".join("---" for _ in header.split("|")[1:-1]) + " |"
    return "\n".join([header, ruler, *lines])


def backends(table: pd.DataFrame) -> str:
    """Show networks alone, and what the first of the order reaches."""
    lines = [
        f"| {r.network} | {r.backend} | {r.timm_best_batch} | {r.timm_ms_per_image:.1f} | "
        f"{r.ms_per_image:.1f} | **{r.ratio:.2f}** | {r.ratio_q25:.2f}–{r.ratio_q75:.2f} | "
        f"{r.ratio_cpu:.2f} | {r.n_turns} | {r.relative_l2:.1e} | "
        f"{100 * r.share_of_matrix_product:.0f} % |"
        for r in table.itertuples()
    ]
    first = table[table["backend"] == LIBRARY_ORDER[0]]
    said = (
        f"ONNX Runtime, which `auto` takes: geometric mean of the ratios "
        f"**{geometric_mean(first['ratio']):.2f}**, least {first['ratio'].min():.2f}; of "
        f"processor times {geometric_mean(first['ratio_cpu']):.2f}, least "
        f"{first['ratio_cpu'].min():.2f}. The matrix product reached "
        f"{table['matrix_gflops'].min():.0f} to {table['matrix_gflops'].max():.0f} GFLOP/s; "
        f"starting took {first['start_cpu_s'].min():.1f} to {first['start_cpu_s'].max():.1f} s of "
        "processor time, the comparison with torch included."
    )
    header = (
        "| network | backend | timm's batch | timm, ms | ms | ratio | quartiles | CPU | turns "
        "| relative L2 | of matrix product |"
    )
    return markdown(header, lines) + "\n\n" + said


def compiled(table: pd.DataFrame) -> str:
    """Show what torch compiles."""
    return markdown(
        "| network | ms | ratio | CPU | processor seconds before the first image |",
        [
            f"| {r.network} | {r.ms_per_image:.1f} | {r.ratio:.2f} | {r.ratio_cpu:.2f} | "
            f"{r.start_cpu_s:.0f} |"
            for r in table.itertuples()
        ],
    )


def memory(table: pd.DataFrame) -> str:
    """Show peak resident memory."""
    wide = table.pivot_table(index="network", columns="side", values="peak_mib", sort=False)
    loaded = table.groupby("network")["loaded_mib"].min()
    header = f"| network | loaded | {' | '.join(wide.columns)} |"
    return markdown(
        header,
        [
            f"| {name} | {loaded[name]:.0f} | {' | '.join(f'{v:.0f}' for v in row)} |"
            for name, row in zip(wide.index, wide.to_numpy(), strict=True)
        ],
    )


def end_to_end(table: pd.DataFrame) -> str:
    """Show what it takes from disk to finished rows."""
    return markdown(
        "| network | backend | quality | cases | rows lost | ours, CPU s | by hand, CPU s | ratio "
        "| quartiles | CPU | turns |",
        [
            f"| {r.network} | {r.backend} | {r.quality} | {r.n_cases} | {r.n_rows_lost} | "
            f"{r.ours_cpu_s:.2f} | {r.by_hand_cpu_s:.2f} | **{r.ratio:.2f}** | "
            f"{r.ratio_q25:.2f}–{r.ratio_q75:.2f} | {r.ratio_cpu:.2f} | {r.n_turns} |"
            for r in table.itertuples()
        ],
    )


def stages(table: pd.DataFrame) -> str:
    """Show where the time of a case goes."""
    steps = ["sitk_read", "read", "views", "network", "eager_batch", "extract", "by_hand"]
    lines = [
        f"| {r['case']} | {r['size']} | {r['n_views']} | "
        + " | ".join(f"{1e3 * r[f'{step}_s']:.0f}" for step in steps)
        + " |"
        for _, r in table.iterrows()
    ]
    sums = " | ".join(f"{1e3 * table[f'{step}_s'].sum():.0f}" for step in steps)
    header = (
        "| case | image | views | SimpleITK reads | read with checks | views | network | eager "
        "batch | `tr.extract` | by hand |"
    )
    return markdown(header, [*lines, f"| all |  | {table['n_views'].sum()} | {sums} |"])


def overlap(table: pd.DataFrame) -> str:
    """Show reading ahead, and batches of several cases."""
    return markdown(
        "| what | before, s | after, s | before over after | quartiles | CPU |",
        [
            f"| {r.what} | {r.before_s:.2f} | {r.after_s:.2f} | **{r.ratio:.2f}** | "
            f"{r.ratio_q25:.2f}–{r.ratio_q75:.2f} | {r.ratio_cpu:.2f} |"
            for r in table.itertuples()
        ],
    )


TABLES: dict[str, Callable[[pd.DataFrame], str]] = {
    "backends": backends,
    "compile": compiled,
    "memory": memory,
    "end_to_end": end_to_end,
    "stages": stages,
    "overlap": overlap,
}


def main() -> None:
    """Fill the page."""
    text = PAGE.read_text()
    for name, shown in TABLES.items():
        path = HERE / "results" / f"deep_speed_{name}.csv"
        body = shown(pd.read_csv(path)) if path.exists() else "Not measured."
        text = re.sub(
            rf"(<!-- {name} -->\n).*?(\n<!-- end -->)",
            lambda found, body=body: f"{found[1]}{body}{found[2]}",
            text,
            flags=re.DOTALL,
        )
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
