"""What the explanations of all seeds say: which group came first, and what left the band."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from .drivers import right_families, texture_family
from .frozen import FROZEN, MODELS, N_PERMUTATIONS, SCENARIOS, SEEDS

ASKED = ("texture", "region", "volume")
KINDS = ("strict", "near", "far")
RIGHT_BLOCKS = FROZEN["right"]["block"]
LEVEL = 1.0 / (N_PERMUTATIONS + 1)
"""How often a family exceeds all permutations where nothing drives the outcome."""


def judged_seeds(work: Path, told: pd.DataFrame) -> pd.DataFrame:
    """Return one row per seed, model, scenario and question of those that were run.

    Where something drives the outcome the question is that driver; where nothing does, each
    driver is asked about, which shows how often its families come first by chance.
    """
    rows = []
    for model in MODELS:
        for seed in SEEDS:
            path = work / f"values_{model}_{seed}.csv"
            if not path.exists():
                continue
            values = pd.read_csv(path)
            found = pd.read_csv(work / f"models_{model}_{seed}.csv").set_index("scenario")
            family_of = values_of(values, "family", "resamples")
            blocks = values_of(values, "block", "lesions")
            lesions = values_of(values, "family", "lesions")
            for scenario in SCENARIOS:
                band = in_band(family_of, scenario)
                part = in_band(family_of, scenario, part=True)
                for asked in ASKED if scenario == "nothing" else (scenario,):
                    row = {"seed": seed, "model": model, "scenario": scenario, "asked": asked}
                    row |= {"auc_oob": found.loc[scenario, "auc_oob"]}
                    right = right_families(asked, seed, told)
                    row |= _firsts(lesions[scenario], band["ratio"], right, asked, seed)
                    row["first_block"] = blocks[scenario].idxmax()
                    row["block_right"] = row["first_block"] in RIGHT_BLOCKS[asked]
                    row |= _leavers(band, right, "")
                    row |= _leavers(part, right, "part_")
                    rows.append(row)
    return pd.DataFrame(rows)


def values_of(values: pd.DataFrame, level: str, statistic: str) -> pd.DataFrame:
    """Return groups x runs."""
    chosen = values[(values["level"] == level) & (values["statistic"] == statistic)]
    return chosen.pivot_table(index="group", columns="run", values="value", sort=False)


def in_band(family_of: pd.DataFrame, scenario: str, *, part: bool = False) -> pd.DataFrame:
    """Return by family: ``outside`` (above all permutations), ``ratio``, and the p value of any.

    The p value compares the highest ratio of a family to its mean over all runs, the outcome's
    own among them, with the same of each permutation, so that all runs are treated alike. With
    ``part`` each value is taken as a part of its run's sum over families.
    """
    runs = family_of[[scenario, *(f"permuted_{k}" for k in range(N_PERMUTATIONS))]]
    if part:
        runs = runs / runs.sum()
    own, permuted = runs[scenario], runs.drop(columns=scenario)
    mean, behind = runs.mean(axis=1), permuted.mean(axis=1)
    highest = runs[mean > 0].div(mean[mean > 0], axis=0).max()
    return pd.DataFrame(
        {
            "outside": own > permuted.max(axis=1),
            "ratio": (own / behind.where(behind > 0)).fillna(0.0),
            "p_any": float((highest >= highest[scenario]).mean()),
        }
    )


def _firsts(
    lesions: pd.Series, ratio: pd.Series, right: dict[str, set[str]], asked: str, seed: int
) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, order in (("", lesions), ("ratio_", ratio)):
        ranks = order.rank(ascending=False, method="first")
        row[f"{name}first"] = first = str(ranks.idxmin())
        for kind in KINDS:
            members = [family for family in right[kind] if family in ranks.index]
            row[f"{name}first_{kind}"] = first in right[kind] if members else np.nan
            row[f"{name}rank_{kind}"] = ranks[members].min() if members else np.nan
        row[f"{name}first_is"] = relation(first, asked, seed)
    row["n_families"] = len(lesions)
    row |= {f"n_{kind}": len(right[kind]) for kind in KINDS}
    return row


def relation(first: str, asked: str, seed: int) -> str:
    """Return in words what a family that came first has to do with the driver."""
    block, _, family = first.partition(": ")
    if block != "radiomics":
        return first
    filtered, _, feature_class = family.rpartition(" ")
    if asked == "texture":
        own = texture_family(seed)[0].partition(": ")[2]
        if family == own:
            return "the family itself"
        if filtered == own.rpartition(" ")[0]:
            return "same filter, other class"
        if feature_class == own.rpartition(" ")[2]:
            return "same class, other filter"
    if feature_class in ("shape", "firstorder"):
        return f"radiomics: {feature_class}"
    return "radiomics: other texture" if asked == "texture" else "radiomics: texture"


def _leavers(band: pd.DataFrame, right: dict[str, set[str]], prefix: str) -> dict[str, object]:
    outside = set(band.index[band["outside"]])
    wrong = set(band.index) - right["far"]
    row: dict[str, object] = {
        "n_outside": len(outside),
        "p_any": band["p_any"].iloc[0],
        "n_wrong": len(wrong),
        "n_wrong_outside": len(outside & wrong),
    }
    for kind in KINDS:
        row[f"outside_{kind}"] = bool(outside & right[kind]) if right[kind] else np.nan
    return {f"{prefix}{name}": value for name, value in row.items()}


def share(hits: pd.Series) -> dict[str, float]:
    """Return how many of how many, as a share with Wilson's interval."""
    known = hits.dropna().astype(bool)
    if known.empty:
        return {"n": 0, "k": 0, "share": np.nan, "low": np.nan, "high": np.nan}
    k, n = int(known.sum()), len(known)
    interval = binomtest(k, n).proportion_ci(method="wilson")
    return {"n": n, "k": k, "share": k / n, "low": interval.low, "high": interval.high}


def summary(seeds: pd.DataFrame) -> pd.DataFrame:
    """Return shares over seeds: one row per model, scenario, question and measure."""
    rows = []
    for (model, scenario, asked), of in seeds.groupby(["model", "scenario", "asked"], sort=False):
        about = {"model": model, "scenario": scenario, "asked": asked}
        measures: dict[str, pd.Series] = {"block_right": of["block_right"]}
        for kind in KINDS:
            for what in ("first", "ratio_first", "outside", "part_outside"):
                measures[f"{what}_{kind}"] = of[f"{what}_{kind}"]
        for prefix in ("", "part_"):
            measures[f"{prefix}any_outside"] = of[f"{prefix}p_any"] <= LEVEL + 1e-9
        rows += [about | {"measure": name} | share(hits) for name, hits in measures.items()]
        counts = ("n_outside", "n_wrong_outside", "part_n_outside", "part_n_wrong_outside")
        for name in ("auc_oob", "n_families", "n_wrong", *counts):
            rows.append(about | {"measure": f"mean_{name}", "n": len(of), "share": of[name].mean()})
        for kind in KINDS:
            for what in ("rank", "ratio_rank"):
                ranks = of[f"{what}_{kind}"]
                value = {"n": int(ranks.notna().sum()), "share": ranks.median()}
                rows.append(about | {"measure": f"median_{what}_{kind}"} | value)
    return pd.DataFrame(rows)


def takers(seeds: pd.DataFrame) -> pd.DataFrame:
    """Return who came first, in words: counts by model, scenario, question and order."""
    parts = []
    for order, column in (("value", "first_is"), ("over its null", "ratio_first_is")):
        counts = seeds.groupby(["model", "scenario", "asked", column], sort=False).size()
        frame = counts.rename("seeds").reset_index().rename(columns={column: "first_is"})
        frame.insert(3, "order", order)
        parts.append(frame)
    return pd.concat(parts).sort_values(
        ["model", "scenario", "asked", "order", "seeds"], ascending=[True] * 4 + [False]
    )


def attention_summary(work: Path) -> pd.DataFrame:
    """Return by scenario, method and sign: the mean AUC with its interval over seeds, and p."""
    from scipy.stats import t

    names = ("attention", "attention_slow")
    paths = [work / f"{name}_{s}.csv" for s in FROZEN["attention"]["seeds"] for name in names]
    there = [pd.read_csv(path) for path in paths if path.exists()]
    if not there:
        return pd.DataFrame()
    rows = []
    keys = ["scenario", "method", "sign"]
    for (scenario, method, sign), of in pd.concat(there).groupby(keys, sort=False):
        means = of.groupby("seed")["auc"].mean()
        half = t.ppf(0.975, len(means) - 1) * means.std() / np.sqrt(len(means))
        rows.append(
            {
                "scenario": scenario,
                "method": method,
                "sign": sign,
                "seeds": len(means),
                "lesions": len(of),
                "flat": of["flat"].mean(),
                "auc": means.mean(),
                "low": means.mean() - half,
                "high": means.mean() + half,
                "auc_surrogates": of["auc_surrogates"].mean(),
                "p_below_05": (of["p"] <= 2 / 41 + 1e-9).mean(),
                "auc_oob": of.groupby("seed")["auc_oob"].first().mean(),
            }
        )
    return pd.DataFrame(rows)
