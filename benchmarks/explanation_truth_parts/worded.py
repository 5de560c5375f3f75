"""The tables of the guide's page, between its comments ``<!-- NAME -->`` and ``<!-- end -->``."""

from __future__ import annotations

import re

import pandas as pd

from .drawing import KIND_NAMES, METHOD_NAMES, MODEL_NAMES, SCENARIO_NAMES
from .frozen import HERE
from .judged import ASKED, KINDS, LEVEL

PAGE = HERE.parents[1] / "docs" / "guide" / "explanation_truth.md"


def write_page(
    oracles: pd.DataFrame,
    seeds: pd.DataFrame,
    shares: pd.DataFrame,
    first: pd.DataFrame,
    attention: pd.DataFrame,
) -> None:
    """Put the tables into the page, in place of those that are there."""
    tables = {
        "runs": _runs(oracles, seeds),
        "firsts": _firsts(shares),
        "takers": _takers(first),
        "nothing": _nothing(shares),
        "band": _band(shares),
        "maps": _maps(attention),
    }
    page = PAGE.read_text()
    for name, lines in tables.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        body = "\n" + "\n".join(lines) + "\n\n"
        page, n = pattern.subn(lambda found, body=body: found[1] + body + found[2], page)
        if n != 1:
            raise ValueError(f"{PAGE.name}: {n} places for the table {name!r}, expected one.")
    PAGE.write_text(page)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _head(cells: list[str]) -> list[str]:
    return [_row(cells), _row(["---"] * len(cells))]


def _of(shares: pd.DataFrame, model: str, scenario: str, asked: str, measure: str) -> pd.Series:
    known = shares[
        (shares["model"] == model)
        & (shares["scenario"] == scenario)
        & (shares["asked"] == asked)
        & (shares["measure"] == measure)
    ]
    return known.iloc[0]


def _models(shares: pd.DataFrame) -> list[str]:
    return [model for model in MODEL_NAMES if model in set(shares["model"])]


def _counted(row: pd.Series, *, interval: bool = True) -> str:
    if not row["n"]:
        return "–"
    text = f"{row['k']:.0f} of {row['n']:.0f}"
    return f"{text} ({row['low']:.2f} to {row['high']:.2f})" if interval else text


def _runs(oracles: pd.DataFrame, seeds: pd.DataFrame) -> list[str]:
    lines = _head(["AUC, mean over cohorts", *SCENARIO_NAMES.values()])
    known = [oracles.get(f"auc_{scenario}") for scenario in SCENARIO_NAMES]
    cells = ["–" if one is None else f"{one.mean():.2f}" for one in known]
    lines.append(_row([f"the driver itself, {len(oracles)} cohorts", *cells]))
    for model in _models(seeds):
        of = seeds[seeds["model"] == model].drop_duplicates(["seed", "scenario"])
        means = of.groupby("scenario")["auc_oob"].mean()
        name = f"{MODEL_NAMES[model]}, out of bag, {of['seed'].nunique()} cohorts"
        lines.append(_row([name, *(f"{means[scenario]:.2f}" for scenario in SCENARIO_NAMES)]))
    return lines


def _firsts(shares: pd.DataFrame) -> list[str]:
    lines = _head(
        [
            "driver",
            "counted as right",
            "model",
            "first",
            "first by ratio",
            "where nothing drives",
            "median rank",
        ]
    )
    for asked in ASKED:
        for kind in KINDS:
            for model in _models(shares):
                own = _of(shares, model, asked, asked, f"first_{kind}")
                if not own["n"]:
                    continue
                ratio = _of(shares, model, asked, asked, f"ratio_first_{kind}")
                chance = _of(shares, model, "nothing", asked, f"first_{kind}")
                rank = _of(shares, model, asked, asked, f"median_rank_{kind}")["share"]
                names = [SCENARIO_NAMES[asked], KIND_NAMES[kind], MODEL_NAMES[model]]
                counts = [_counted(own), _counted(ratio), _counted(chance, interval=False)]
                lines.append(_row([*names, *counts, f"{rank:g}"]))
    return lines


def _takers(first: pd.DataFrame) -> list[str]:
    lines = _head(["driver", "model", "first by value", "first by ratio"])
    for scenario in SCENARIO_NAMES:
        for model in _models(first):
            of = first[(first["scenario"] == scenario) & (first["model"] == model)]
            of = of[of["asked"] == ("region" if scenario == "nothing" else scenario)]
            cells = []
            for order in ("value", "over its null"):
                counts = of[of["order"] == order].sort_values("seeds", ascending=False)
                words = [f"{n} {name}" for name, n in counts[["first_is", "seeds"]].to_numpy()]
                cells.append("; ".join(words))
            lines.append(_row([SCENARIO_NAMES[scenario], MODEL_NAMES[model], *cells]))
    return lines


def _nothing(shares: pd.DataFrame) -> list[str]:
    lines = _head(["what left the band where there is nothing", "nominal", *_names(shares)])
    models = _models(shares)

    def cells(measure: str) -> list[pd.Series]:
        return [_of(shares, model, "nothing", "region", measure) for model in models]

    for prefix, words in (("", "values"), ("part_", "parts of the sum")):
        outside = cells(f"mean_{prefix}n_outside")
        totals = cells("mean_n_families")
        parts = [f"{n['share'] / of['share']:.3f}" for n, of in zip(outside, totals, strict=True)]
        lines.append(_row([f"share of families, {words}", f"{LEVEL:.2f}", *parts]))
    for measure, words in (
        ("any_of_all", "cohorts with a family beyond the band of all, values"),
        ("part_any_of_all", "the same, parts"),
        ("any_ratio", "highest ratio of a family, values"),
        ("part_any_ratio", "the same, parts"),
        ("number", "the number of families outside, values"),
        ("part_number", "the same, parts"),
        ("total", "the sum over families"),
    ):
        lines.append(_row([words, f"{LEVEL:.2f}", *(_counted(one) for one in cells(measure))]))
    return lines


def _names(shares: pd.DataFrame) -> list[str]:
    return [MODEL_NAMES[model] for model in _models(shares)]


def _band(shares: pd.DataFrame) -> list[str]:
    lines = _head(
        [
            "driver",
            "model",
            "a right family outside: the very one / R² ≥ 0.8 / 0.5",
            "unrelated ones outside",
            "as parts: a right one",
            "as parts: unrelated",
            "the sum",
        ]
    )
    for scenario in ASKED:
        for model in _models(shares):

            def of(measure: str, model: str = model, scenario: str = scenario) -> pd.Series:
                return _of(shares, model, scenario, scenario, measure)

            cells = []
            for prefix in ("", "part_"):
                right = [of(f"{prefix}outside_{kind}") for kind in KINDS]
                cells.append(" / ".join(f"{one['k']:.0f}" if one["n"] else "–" for one in right))
                n_wrong = of(f"mean_{prefix}n_wrong_outside")["share"]
                cells.append(f"{n_wrong:.1f} of {of('mean_n_wrong')['share']:.1f}")
            total = _counted(of("total"), interval=False)
            lines.append(_row([SCENARIO_NAMES[scenario], MODEL_NAMES[model], *cells, total]))
    return lines


def _maps(attention: pd.DataFrame) -> list[str]:
    scenarios = ["region", "volume", "nothing"]
    heads = [f"{SCENARIO_NAMES[name]}" for name in scenarios]
    lines = _head(["map", "lesions", *heads, "p ≤ .05 (same order)"])
    if attention.empty:
        return lines
    for method, name in METHOD_NAMES.items():
        for sign in ("positive", "both", "none"):
            of = attention[(attention["method"] == method) & (attention["sign"] == sign)]
            # Eigen-CAM has one sign, and is the same for both
            if of.empty or (method, sign) == ("eigen_cam", "positive"):
                continue
            of = of.set_index("scenario").reindex(scenarios)
            aucs = [f"{r['auc']:.2f} ({r['low']:.2f} to {r['high']:.2f})" for _, r in of.iterrows()]
            share = ", ".join(f"{value:.2f}" for value in of["p_below_05"])
            words = {"positive": ", raising", "both": ", signed", "none": " (reference)"}[sign]
            words = "" if method == "eigen_cam" else words
            lines.append(_row([name + words, f"{of['lesions'].iloc[0]:.0f}", *aucs, share]))
    return lines
