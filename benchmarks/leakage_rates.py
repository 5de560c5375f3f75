"""How often the leakage trace finds planted faults where they belong, and accuses the innocent.

Faults are those of ``tests/planted_faults``: eleven that everybody knows, and seven by somebody
who had not seen the trace when they were written. Each comes in several forms (in a bare frame, in
a feature table, inside a model), whose class was decided beforehand, ``not_checkable`` among them.
Variants differ in patients, columns, models, signal, sites, lesions, missing values and scheme.
Clean studies are drawn alike, half of them in bare frames, half in feature tables.

Run:  python -P benchmarks/leakage_rates.py --work FOLDER [--run mended] [--seeds 200] [--n-jobs 2]
      python -P benchmarks/leakage_rates.py --work FOLDER --show fault seed
Studies lie in FOLDER, a row each; what is there is not run again. ``--run`` names the state of the
trace: ``first`` is the one that had never met the seven, and stays in the table. Writes
benchmarks/results/leakage_rates.csv (one row per run, fault, form and class) and
docs/_figures/leakage_rates.png.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import pandas as pd
from scipy.stats import binomtest

from tests.planted_faults import FAULTS, OWN_FAULTS, Study, clean, planted
from tests.planted_faults.registry import form_of
from tumor_response.evaluation.leakage import leakage_trace
from tumor_response.style import COLOURS, NEUTRAL, figure_style

N_RESAMPLES = 1
CLASSES = ("suspected", "provable", "recorded")
"""From the weakest claim to the strongest."""
CLEAN = {"clean_frame": "frame", "clean_table": "table"}
NAMES = {
    "selection": "selection before the split",
    "imputation": "imputation on all rows",
    "scaling": "scaling on all rows",
    "lesions": "two lesions on both sides",
    "duplicate": "a patient under two ids",
    "label_column": "a column that is the label",
    "follow_up": "a column of the follow-up",
    "inner_copies": "copies in inner folds",
    "early_stopping": "test rows stop the training",
    "combat": "ComBat on all rows",
    "cut": "a cut on all rows",
    "oversampled": "oversampling before the split",
    "target_encoded": "categories as mean outcomes",
    "remembering": "steps that remember",
    "batch_statistics": "scores by the batch",
    "missing_tells": "gaps follow the label",
    "signature": "a signature fitted to all",
    "tuned_before": "a penalty tuned on all",
}
_SAME_PERSON = (
    "near-duplicate rows",
    "two patients share",
    "patients under two names",
    "lesions of a patient",
    "said of the person",
    "two names are one person",
)
_COPY = (
    "equal to an outcome",
    "order of an outcome",
    "tell the classes apart",
    "beside the baseline",
)
_REFUSED = "evaluate takes the study"
"""The check that accuses where the evaluation itself refuses: an exact copy of the outcome."""
_COPIES = ("label_column", "follow_up")
_CHOSEN = "columns chosen, or values changed"
RIGHT = {
    "selection": (_CHOSEN,),
    "imputation": ("gaps filled", _CHOSEN),
    "scaling": ("columns scaled", _CHOSEN),
    "lesions": _SAME_PERSON,
    "duplicate": _SAME_PERSON,
    "label_column": _COPY,
    "follow_up": (*_COPY, "named after the follow-up", "known before treatment"),
    "combat": ("columns harmonised", _CHOSEN),
    "cut": ("a cut of the outcome",),
    "oversampled": (*_SAME_PERSON, "between two others"),
    "target_encoded": ("mean outcome of their rows", _CHOSEN),
    "missing_tells": ("gaps follow the classes",),
    "signature": (_CHOSEN, *_COPY),
    "tuned_before": ("settings chosen beforehand",),
}
"""Parts of the names of the checks that speak of a fault, where suspicion or ignorance is the right
answer; another check's accusation of the same study is luck, and not counted. What is recorded or
proved is counted whatever says so."""
HERE = Path(__file__).parent
RESULTS = HERE / "results" / "leakage_rates.csv"
FIGURE = HERE.parent / "docs" / "_figures" / "leakage_rates.png"


def study_of(fault: str, seed: int) -> Study:
    """Return a variant of a fault, or a clean study."""
    return clean(CLEAN[fault], seed) if fault in CLEAN else planted(fault, seed)


def judged(run: str, task: tuple[str, int]) -> dict[str, object]:
    """Return what the trace says of one study."""
    fault, seed = task
    warnings.simplefilter("ignore")
    row: dict[str, object] = {
        "run": run,
        "fault": fault,
        "form": "" if fault in CLEAN else form_of(fault, seed),
        "seed": seed,
    }
    study = study_of(fault, seed)
    began = time.perf_counter()
    failed = ""
    said: dict[str, list[str]] = {name: [] for name in (*CLASSES, "not_checkable")}
    try:
        trace = leakage_trace(**study.arguments(), n_resamples=N_RESAMPLES)
    except Exception as error:  # a trace that breaks has found nothing, and is counted
        failed = type(error).__name__
    else:
        for name in CLASSES:
            checks = getattr(trace, name)
            said[name] = sorted(set(checks.loc[checks["status"] == "FAULT", "check"]))
            unknown = checks["status"] == "NOT CHECKABLE"
            said["not_checkable"] += sorted(set(checks.loc[unknown, "check"]))
    row |= {name: ";".join(checks) for name, checks in said.items()}
    return row | {"failed": failed, "seconds": round(time.perf_counter() - began, 2)}


def run_missing(work: Path, run: str, faults: list[str], seeds: int, n_jobs: int) -> pd.DataFrame:
    """Judge the studies that are not there yet, and return all of them."""
    work.mkdir(parents=True, exist_ok=True)
    path = work / "studies.csv"
    done = read(path)
    there = set(zip(done["run"], done["fault"], done["seed"], strict=True))
    tasks = [
        (fault, seed)
        for seed in range(seeds)
        for fault in faults
        if (run, fault, seed) not in there
    ]
    for row in _in_parallel(partial(judged, run), tasks, n_jobs):
        pd.DataFrame([row]).to_csv(path, mode="a", header=not path.exists(), index=False)
    return read(path)


def _in_parallel(judge, tasks: list[tuple[str, int]], n_jobs: int) -> Iterator[dict[str, object]]:
    if n_jobs == 1:
        yield from map(judge, tasks)
        return
    with ProcessPoolExecutor(n_jobs, max_tasks_per_child=None) as pool:
        yield from pool.map(judge, tasks)


def read(path: Path) -> pd.DataFrame:
    """Return the studies that were judged; texts are never NaN."""
    columns = ["run", "fault", "form", "seed", *CLASSES, "not_checkable", "failed", "seconds"]
    if not path.exists():
        return pd.DataFrame(columns=columns)
    return pd.read_csv(path, keep_default_na=False)


def summarised(studies: pd.DataFrame) -> pd.DataFrame:
    """Return one row per run, fault, form (``all``: those of a class together) and class."""
    rows = []
    for (run, fault), of in studies.groupby(["run", "fault"], sort=False):
        if run == "first" and fault not in OWN_FAULTS:
            continue
        if fault in CLEAN:
            rows += [_false_alarms(run, fault, name, of) for name in CLASSES]
            continue
        forms = FAULTS[fault]
        groups = [(name, of[of["form"] == name]) for name in forms]
        for belongs in dict.fromkeys(form.belongs for form in forms.values()):
            those = [name for name, form in forms.items() if form.belongs == belongs]
            groups.append(("all", of[of["form"].isin(those)]))
        rows += [_answers(run, fault, name, some) for name, some in groups if len(some)]
    runs = sorted(studies["run"].unique(), key=lambda run: run != "first")
    orders = {"run": runs.index, "fault": [*FAULTS, *CLEAN].index}
    return pd.DataFrame(rows).sort_values(
        ["run", "fault"], key=lambda column: column.map(orders[column.name]), kind="stable"
    )


def _answers(run: str, fault: str, form: str, of: pd.DataFrame) -> dict[str, object]:
    """Count right answers: found where it belongs, or said to be beyond checking where it is."""
    forms = FAULTS[fault]
    belongs = forms[of["form"].iloc[0]].belongs
    right, other = 0, {"weaker": 0, "overclaimed": 0, "passed": 0, "failed": 0}
    for row in of.to_dict("records"):
        one = forms[row["form"]]
        found = {name for name in ("provable", "recorded") if row[name] not in ("", _REFUSED)}
        if _speaks(row["suspected"], fault) or (row["recorded"] == _REFUSED and fault in _COPIES):
            found.add("suspected")
        there = found & {one.belongs, *one.also}
        stronger = found - there - _up_to(one.belongs)
        other["overclaimed"] += bool(stronger)
        other["failed"] += bool(row["failed"])
        if belongs == "not_checkable":
            said = _speaks(row["not_checkable"], fault)
            right += bool((said or there) and not stronger)
            other["passed"] += not (said or found)
        else:
            right += bool(there)
            other["weaker"] += bool(found and not there and not stronger)
    return _row(run, fault, form, belongs, len(of), right) | other


def _speaks(checks: str, fault: str) -> bool:
    """Say whether one of these checks is about the fault."""
    return any(part in checks for part in RIGHT.get(fault, ()))


def _up_to(belongs: str) -> set[str]:
    """Classes in which being found claims no more than ``belongs`` does."""
    return set() if belongs == "not_checkable" else set(CLASSES[: CLASSES.index(belongs) + 1])


def _false_alarms(run: str, fault: str, name: str, of: pd.DataFrame) -> dict[str, object]:
    accused = of[name] != ""
    failed = {"failed": int((of["failed"] != "").sum())}
    return _row(run, fault, "all", name, len(of), int(accused.sum())) | failed


def _row(run: str, fault: str, form: str, of_class: str, n: int, k: int) -> dict[str, object]:
    interval = binomtest(k, n).proportion_ci(method="wilson")
    return {
        "run": run,
        "fault": fault,
        "form": form,
        "class": of_class,
        "studies": n,
        "found": k,
        "rate": round(k / n, 4),
        "ci_low": round(interval.low, 4),
        "ci_high": round(interval.high, 4),
    }


def as_markdown(summary: pd.DataFrame) -> str:
    """Return the table of the guide: rates of the last run, and of the first where it is known."""
    of_all = summary[summary["form"] == "all"]
    first = of_all[of_all["run"] == "first"].set_index(["fault", "class"])["rate"]
    lines = ["| | class | studies | right | 95 % interval | claimed too much | at first |"]
    lines.append("| --- " * 7 + "|")
    for row in of_all[of_all["run"] == of_all["run"].iloc[-1]].to_dict("records"):
        key = (row["fault"], row["class"])
        cells = [
            NAMES.get(row["fault"], row["fault"].replace("_", ", in a ")),
            row["class"].replace("_", " "),
            row["studies"],
            f"{row['rate']:.3f}",
            f"{row['ci_low']:.3f} to {row['ci_high']:.3f}",
            "" if row["fault"] in CLEAN else int(row["overclaimed"]),
            f"{first[key]:.2f}" if key in first.index else "",
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def draw(summary: pd.DataFrame) -> None:
    """Draw the rates with their intervals: faults above, clean studies below."""
    import matplotlib.pyplot as plt

    colours = dict(zip((*CLASSES, "not_checkable"), COLOURS, strict=False))
    last = summary["run"].iloc[-1]
    of_all = summary[summary["form"] == "all"]
    lines = of_all[(of_all["run"] == last) & ~of_all["fault"].isin(CLEAN)]
    with figure_style():
        figure, (above, below) = plt.subplots(
            2,
            1,
            figsize=(130 / 25.4, 165 / 25.4),
            height_ratios=[len(lines), 8],
            layout="constrained",
        )
        labels = []
        for place, row in enumerate(lines.to_dict("records")):
            _mark(above, place, row, colours[row["class"]])
            first = of_all[
                (of_all["run"] == "first")
                & (of_all["fault"] == row["fault"])
                & (of_all["class"] == row["class"])
            ]
            if row["fault"] in OWN_FAULTS and last != "first" and len(first):
                above.plot(
                    first["rate"], place, "o", mec=colours[row["class"]], mfc="white", ms=3.5
                )
            repeated = place and lines["fault"].iloc[place - 1] == row["fault"]
            labels.append("" if repeated else NAMES[row["fault"]])
        above.set_yticks(range(len(lines)), labels)
        above.invert_yaxis()
        above.set_xlim(-0.03, 1.03)
        above.set_xlabel("right answers (95 % interval); open: before the trace had met the fault")
        above.axhline(
            list(lines["fault"].isin(OWN_FAULTS)).index(True) - 0.5, color="k", linewidth=0.8
        )
        for name, colour in colours.items():
            above.plot([], [], "o-", color=colour, ms=3, label=name.replace("_", " "))
        figure.legend(loc="outside upper center", ncols=len(colours))
        clean_rows = of_all[(of_all["run"] == last) & of_all["fault"].isin(CLEAN)]
        for place, row in enumerate(clean_rows.to_dict("records")):
            _mark(below, place, row, colours[row["class"]])
        told = {"clean_frame": "frame", "clean_table": "table"}
        below.set_yticks(
            range(len(clean_rows)),
            [
                f"clean {told[f]}: {c}"
                for f, c in zip(*clean_rows[["fault", "class"]].T.to_numpy(), strict=True)
            ],
        )
        below.invert_yaxis()
        below.set_xlim(left=-0.001)
        below.set_xlabel("false alarms (95 % interval)")
        figure.savefig(FIGURE, dpi=160, metadata={"Software": None})
        plt.close(figure)


def _mark(ax, place: int, row: dict[str, object], colour: str) -> None:
    ax.axhline(place, color=NEUTRAL, linewidth=0.2, zorder=0)
    ax.plot([row["ci_low"], row["ci_high"]], [place] * 2, color=colour, linewidth=0.9)
    ax.plot(row["rate"], place, "o", color=colour, ms=3)


def main() -> None:
    """Judge what is not there yet, sum up, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--run", default="mended")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--faults", nargs="*", default=[*FAULTS, *CLEAN])
    parser.add_argument("--show", nargs=2, metavar=("FAULT", "SEED"))
    asked = parser.parse_args()
    if asked.show:
        study = study_of(asked.show[0], int(asked.show[1]))
        print(leakage_trace(**study.arguments(), n_resamples=N_RESAMPLES))
        return
    studies = run_missing(asked.work, asked.run, asked.faults, asked.seeds, asked.n_jobs)
    summary = summarised(studies)
    summary.to_csv(RESULTS, index=False)
    print(as_markdown(summary))
    draw(summary)


if __name__ == "__main__":
    main()
