"""What the explanations of all seeds say: which group came first, and what left the band."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from tumor_response.explanation.stability import ExplanationNull, TopKOverlap

from .drivers import right_families, texture_family
from .frozen import FROZEN, MODELS, N_PERMUTATIONS, N_RESAMPLES, SCENARIOS, SEEDS

NO_OVERLAP = TopKOverlap("family", 10, N_RESAMPLES, 0, *[np.nan] * 3, 0.95, np.nan, np.nan)
"""Top lists are no matter of this benchmark."""
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
            blocks = values_of(values, "block", "lesions")
            lesions = values_of(values, "family", "lesions")
            for scenario in SCENARIOS:
                band = Band(model, values, scenario)
                for asked in ASKED if scenario == "nothing" else (scenario,):
                    row = {"seed": seed, "model": model, "scenario": scenario, "asked": asked}
                    row |= {"auc_oob": found.loc[scenario, "auc_oob"]}
                    right = right_families(asked, seed, told)
                    row |= _firsts(lesions[scenario], band.ratio, right, asked, seed)
                    row["first_block"] = blocks[scenario].idxmax()
                    row["block_right"] = row["first_block"] in RIGHT_BLOCKS[asked]
                    rows.append(row | band.leavers(right))
    return pd.DataFrame(rows)


def values_of(values: pd.DataFrame, level: str, statistic: str) -> pd.DataFrame:
    """Return groups x runs."""
    chosen = values[(values["level"] == level) & (values["statistic"] == statistic)]
    return chosen.pivot_table(index="group", columns="run", values="value", sort=False)


class Band:
    """One explanation's families against those of the permuted outcomes of its seed and model.

    Parameters
    ----------
    model
        Its name.
    values
        What was kept of a seed and model.
    scenario
        Which outcome.
    """

    def __init__(self, model: str, values: pd.DataFrame, scenario: str) -> None:
        permuted = [f"permuted_{k}" for k in range(N_PERMUTATIONS)]
        families = values_of(values, "family", "resamples")
        blocks = values_of(values, "block", "resamples")
        self.runs = families[[scenario, *permuted]]
        own, owners = families[scenario], [name.partition(": ")[0] for name in families.index]
        behind = families[permuted].mean(axis=1)
        self.ratio = (own / behind.where(behind > 0)).fillna(0.0)
        # single columns were not kept: families stand in their place
        null = ExplanationNull(
            name=model,
            output="log_odds",
            value_function="interventional",
            columns=families[permuted].T,
            families=families[permuted].T,
            blocks=blocks[permuted].T,
            observed={"column": own, "family": own, "block": blocks[scenario]},
            overlap=pd.DataFrame({"nogueira": [], "mean_shared": []}),
            observed_overlap=NO_OVERLAP,
            block_of={"column": owners, "family": owners, "block": list(blocks.index)},
            n_resamples=N_RESAMPLES,
            n_redrawn=0,
            n_fixed=0,
            seed=0,
        )
        self.table = null.table("family")
        self.numbers = null.summary()["p_number"].loc["family"]
        self.p_total = null.p_total

    def leavers(self, right: dict[str, set[str]]) -> dict[str, object]:
        """Return what left the band, of values and of their parts of the sum."""
        row: dict[str, object] = {"p_total": self.p_total}
        for prefix, statistic in (("", "mean_abs"), ("part_", "part")):
            outside = set(self.table.index[self.table[f"{prefix}outside"]])
            wrong = set(self.table.index) - right["far"]
            row |= {
                f"{prefix}n_outside": len(outside),
                f"{prefix}n_outside_all": int(self.table[f"{prefix}outside_all"].sum()),
                f"{prefix}p_number": self.numbers[statistic],
                f"{prefix}p_any": self._p_any(part=prefix != ""),
                f"{prefix}n_wrong": len(wrong),
                f"{prefix}n_wrong_outside": len(outside & wrong),
            }
            for kind in KINDS:
                there = bool(outside & right[kind]) if right[kind] else np.nan
                row[f"{prefix}outside_{kind}"] = there
        return row

    def _p_any(self, *, part: bool) -> float:
        """Return the p value of the highest ratio of a family to its mean over all runs."""
        runs = self.runs / self.runs.sum() if part else self.runs
        mean = runs.mean(axis=1)
        highest = runs[mean > 0].div(mean[mean > 0], axis=0).max()
        return float((highest >= highest.iloc[0]).mean())


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
        reach = LEVEL + 1e-9
        measures["total"] = of["p_total"] <= reach
        for prefix in ("", "part_"):
            measures[f"{prefix}any_ratio"] = of[f"{prefix}p_any"] <= reach
            measures[f"{prefix}any_of_all"] = of[f"{prefix}n_outside_all"] > 0
            measures[f"{prefix}number"] = of[f"{prefix}p_number"] <= reach
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
