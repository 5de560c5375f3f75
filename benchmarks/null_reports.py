"""Whether page one of a report lets anybody believe in a study in which there is nothing to find.

Volumes, ages and rates are those of simulated cohorts with ``signal=0`` (60 patients, median cut);
the radiomics columns are noise. Each seed is reported in two ways:

- ``named``: the baselines and one model, the headline named beforehand;
- ``best of 8``: the baselines and eight models on eight blocks of noise; the headline is the one
  with the highest AUC, chosen after the fact, as somebody would who does not know better.

Counted, per study: the verdict of the two sentences; ``believed``, if they claim anything; ``raw``,
if the headline's own 95 % interval lies above 0.5, which is what a page without rules would print
as a finding; ``others_above``, other models whose interval does, and ``unexplained``, those of them
(at most two, more are counted in words) that no sentence of page one speaks of; ``claims``, phrases
of page one that claim a separation or an advantage outside of a claim that was counted.

Run:  python -m benchmarks.null_reports [--seeds 40]
Appends to benchmarks/results/null_reports.csv (what is there is not run again) and prints rates
with 95 % limits of Clopper and Pearson. All page-one sentences go to
benchmarks/results/null_reports_sentences.csv, each with how often it came up; numbers are blanked.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import beta

import tumor_response as tr
from tumor_response.evaluation import EvaluationResult
from tumor_response.reporting.evidence import Evidence
from tumor_response.reporting.given import Given
from tumor_response.reporting.headline import BASELINES, Headline, describe_headline
from tumor_response.reporting.looked import Explained
from tumor_response.simulate import SimulationSettings, simulate_latents

FIRST_SEED = 9001
N_PATIENTS, N_BLOCKS, N_COLUMNS = 60, 8, 6
RESULTS = Path(__file__).parent / "results" / "null_reports.csv"
SENTENCES = Path(__file__).parent / "results" / "null_reports_sentences.csv"
CLAIMS = re.compile(r"better than (chance|by)|ranks the responder higher|predicts something")


def study(seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Return a table and the rates of a cohort in which nothing foretells the response."""
    latents = simulate_latents(N_PATIENTS, seed, SimulationSettings(signal=0))
    rng = np.random.default_rng(seed)
    blocks = {
        f"radiomics{block}__noise__{column}": rng.normal(size=len(latents))
        for block in range(N_BLOCKS)
        for column in range(N_COLUMNS)
    }
    table = pd.DataFrame(blocks, index=latents.index)
    table["clinical__age"] = latents["age_years"]
    table["clinical__volume_cc"] = latents["target_volume_baseline_cc"]
    rate = latents["rate_latent_percent_per_day"].rename("rate_percent_per_day")
    return table, rate


def evaluated(table: pd.DataFrame, rate: pd.Series, n_blocks: int, seed: int) -> EvaluationResult:
    """Evaluate the baselines and a model on each of the first blocks."""
    models = {name: tr.make_model(name) for name in BASELINES}
    for block in range(n_blocks):
        names = ["clinical", f"radiomics{block}"]
        models[f"model_{block}"] = tr.make_model("logistic", names, Cs=(0.1,))
    scheme = tr.Bootstrap632Plus(n_resamples=100, seed=seed)
    return tr.evaluate(models, table, rate, scheme, label=tr.ResponderCut("median"))


def page_one(result: EvaluationResult, headline: str) -> Headline:
    """Return page one of a report that was given nothing else."""
    return describe_headline(result, headline, Given(Evidence(result.models), Explained()))


def told(front: Headline) -> list[str]:
    """Return every sentence and cell of page one that is made from numbers."""
    cells = [cell for row in (*front.results.rows, *front.strip.rows) for cell in row]
    return [front.conclusions.may, front.conclusions.may_not, *front.remarks, *cells]


def measured(result: EvaluationResult, headline: str, front: Headline) -> dict[str, object]:
    """Return what page one says, in numbers."""
    summary = result.summary()
    row = summary.loc[headline]
    above = [n for n in result.models if n != headline and summary.loc[n, "ci_low"] > 0.5]
    spoken = " ".join(front.remarks)
    believed = front.conclusions.verdict in ("separates", "beyond volume")
    return {
        "verdict": front.conclusions.verdict,
        "believed": int(believed),
        "raw": int(row["ci_low"] > 0.5),
        "auc": round(float(row["auc_oob"]), 3),
        "ci_low": round(float(row["ci_low"]), 3),
        "others_above": len(above),
        "unexplained": 0 if believed else sum(f"“{n}”" not in spoken for n in above[:2]),
        "claims": 0 if believed else sum(bool(CLAIMS.search(text)) for text in told(front)),
    }


def blanked(text: str) -> str:
    """Return a sentence without its numbers, to be counted."""
    return re.sub(r"[+−-]?\d+(\.\d+)?", "#", text)


def run(seed: int) -> tuple[list[dict[str, object]], list[tuple[str, str]]]:
    """Return the rows and the sentences of both reports of a seed."""
    table, rate = study(seed)
    rows, sentences = [], []
    for kind, n_blocks in (("named", 1), ("best of 8", N_BLOCKS)):
        result = evaluated(table, rate, n_blocks, seed)
        candidates = result.summary()["auc_oob"].drop(list(BASELINES))
        headline = str(candidates.idxmax())
        front = page_one(result, headline)
        rows.append({"seed": seed, "kind": kind, **measured(result, headline, front)})
        shown = (front.conclusions.may, front.conclusions.may_not, *front.remarks)
        sentences += [(kind, blanked(text)) for text in shown]
    return rows, sentences


def limits(k: int, n: int) -> str:
    """Return k of n with Clopper and Pearson's limits."""
    low = beta.ppf(0.025, k, n - k + 1) if k else 0.0
    high = beta.ppf(0.975, k + 1, n - k) if k < n else 1.0
    return f"{k} of {n} ({100 * low:.0f} to {100 * high:.0f} %)"


def main() -> None:
    """Run what is not there yet, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=40)
    asked = parser.parse_args()
    known = pd.read_csv(RESULTS, keep_default_na=False) if RESULTS.exists() else pd.DataFrame()
    counts = pd.read_csv(SENTENCES) if SENTENCES.exists() else pd.DataFrame()
    for seed in range(FIRST_SEED, FIRST_SEED + asked.seeds):
        if seed in set(known.get("seed", [])):
            continue
        rows, sentences = run(seed)
        known = pd.concat([known, pd.DataFrame(rows)], ignore_index=True)
        new = pd.DataFrame(sentences, columns=["kind", "sentence"]).assign(studies=1)
        counts = pd.concat([counts, new]).groupby(["kind", "sentence"], as_index=False).sum()
        known.to_csv(RESULTS, index=False)
        counts.to_csv(SENTENCES, index=False)
    for kind, group in known.groupby("kind"):
        n = len(group)
        for name in ("raw", "believed"):
            print(f"{kind}: {name} {limits(int(group[name].sum()), n)}")
        print(
            f"{kind}: others above {int((group['others_above'] > 0).sum())} of {n} studies, "
            f"unexplained {int(group['unexplained'].sum())}, claims {int(group['claims'].sum())}"
        )


if __name__ == "__main__":
    main()
