"""The study ledger: what it keeps, and every way to lose a line."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tests.unit.evaluation.conftest import make_table
from tumor_response.evaluation.comparison import best_of_k
from tumor_response.evaluation.ledger import StudyLedger, outcome_sha256, record_of
from tumor_response.evaluation.ledger.chain import ChainedFile
from tumor_response.evaluation.ledger.record import scores_from_bytes, scores_to_bytes
from tumor_response.exceptions import EvaluationError


def evaluated(names=("volume_only", "dummy"), seed=0, cut="median", lesions=1, X=None):
    table, rate = make_table(24, lesions=lesions)
    made = {
        "volume_only": tr.make_model("volume_only"),
        "dummy": tr.make_model("dummy"),
        "deep": tr.make_model("logistic", blocks=["deep"], Cs=(0.1,)),
        "other": tr.make_model("logistic", blocks=["deep"], Cs=(0.2,)),
    }
    return tr.evaluate(
        {name: made[name.partition("~")[0]] for name in names},
        table if X is None else X,
        rate,
        tr.Bootstrap632Plus(n_resamples=5, seed=seed),
        label=tr.ResponderCut(cut),
    )


def test_an_evaluation_is_entered_with_its_settings(tmp_path):
    result = evaluated(lesions=2)
    ledger = StudyLedger(tmp_path / "study")
    entry = ledger.append(result)
    assert ledger.entries() == [entry]
    assert (entry["number"], entry["kind"], entry["previous"]) == (1, "evaluate", "0" * 64)
    assert entry["scheme"]["settings"] == {"n_resamples": 5, "seed": 0}
    assert entry["outcome"]["label"]["parameters"] == {"cut": "median", "by": None}
    assert entry["cohort"]["n_lesions"] == 48
    assert entry["cohort"]["blocks"] == {"clinical": 2, "deep": 6}
    model = entry["models"][0]
    assert [one["name"] for one in entry["models"]] == ["volume_only", "dummy"]
    summary = result.summary().loc["volume_only"]
    assert model["summary"]["auc_oob"] == summary["auc_oob"]
    assert model["summary"]["ci_method"] == summary["ci_method"]
    assert entry["versions"]["tumor_response"]


def test_no_identifier_is_in_it(tmp_path):
    """Neither a name nor the hash of one, which could be looked up."""
    ids = [f"Meier, Anna {i}" for i in range(24)]
    index = pd.MultiIndex.from_arrays([ids, ["1"] * 24], names=["patient_id", "lesion_id"])
    X, rate = make_table(24)
    X.index = rate.index = index
    result = tr.evaluate(
        tr.make_model("volume_only"), X, rate > 0, tr.Bootstrap632Plus(n_resamples=3)
    )
    StudyLedger(tmp_path).append(result)
    with np.load(next((tmp_path / "ledger_scores").iterdir()), allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept.files}
    content = (tmp_path / "ledger.jsonl").read_text() + "".join(
        str(value.tolist()) for value in arrays.values()
    )
    for one in ids:
        assert one not in content
        assert hashlib.sha256(one.encode()).hexdigest() not in content
    assert "Meier" not in content


def test_hashes_know_values_rule_and_people_but_no_order():
    _, rate = make_table(20)
    median = tr.ResponderCut("median")
    one = outcome_sha256(rate, median)
    assert outcome_sha256(rate.sample(frac=1, random_state=0), median) == one
    changed = rate.copy()
    changed.iloc[0] = np.nextafter(changed.iloc[0], 9)
    renamed = rate.rename(index={"P000": "P999"}, level=0)
    others = {
        outcome_sha256(changed, median),
        outcome_sha256(renamed, median),
        outcome_sha256(rate, tr.ResponderCut("upper_tertile")),
        outcome_sha256(rate, None),
        outcome_sha256(rate, median, "tertiles"),
    }
    assert len(others | {one}) == 6


def test_a_record_is_the_same_in_another_process():
    script = (
        "from tests.unit.evaluation.ledger.test_ledger import evaluated, record_of;"
        "from tumor_response.settings import canonical_json;"
        "print(canonical_json(record_of(evaluated())))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[4])
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    assert json.loads(run.stdout) == record_of(evaluated())


def test_a_configuration_counts_once_whatever_its_name_and_seed(tmp_path):
    ledger = StudyLedger(tmp_path)
    ledger.append(evaluated(("volume_only", "deep")))
    ledger.append(evaluated(("deep~again",), seed=3))
    ledger.append(evaluated(("other",)), kind="ablate")
    found = ledger.configurations()
    assert list(found["name"]) == ["volume_only", "deep", "other"]
    assert list(found["n_evaluations"]) == [1, 2, 1]
    assert list(found["entry"]) == [1, 1, 3]
    assert ledger.text() == "configurations tried on this outcome: 3, in 3 evaluations"
    # another column among those that are read makes another configuration
    X, _ = make_table(24)
    X["deep__n__9"] = X["deep__n__0"] ** 2
    ledger.append(evaluated(("deep",), X=X))
    assert len(ledger.configurations()) == 4


def test_other_cuts_of_the_same_values_are_told(tmp_path):
    ledger = StudyLedger(tmp_path)
    first = ledger.append(evaluated(("deep", "volume_only")))
    ledger.append(evaluated(("deep",), cut="upper_tertile"))
    ledger.append(evaluated(("deep",), cut="lower_tertile"))
    asked = first["outcome"]["sha256"]
    assert ledger.text(asked) == (
        "configurations tried on this outcome: 2, in 1 evaluation; 2 more on the same values with "
        "2 other rules of the classes"
    )
    with pytest.raises(EvaluationError, match="no evaluation on the outcome 'ab'"):
        ledger.text("ab")


def test_best_of_k_is_over_everything_that_was_tried(tmp_path):
    ledger = StudyLedger(tmp_path)
    with pytest.raises(EvaluationError, match="no evaluation"):
        ledger.best_of_k()
    one = evaluated(("volume_only", "deep"), lesions=2)
    ledger.append(one)
    of_one, of_ledger = best_of_k(one, n_resamples=50), ledger.best_of_k(n_resamples=50)
    assert of_ledger.value == pytest.approx(of_one.value)
    assert of_ledger.corrected == pytest.approx(of_one.corrected)
    ledger.append(evaluated(("other", "deep"), seed=5, lesions=2))
    both = ledger.best_of_k(n_resamples=50)
    assert list(both.values) == ["volume_only", "deep", "other"]
    assert both.values["deep"] == of_one.values["deep"]


def test_scores_survive_the_disk_as_ranks():
    result = evaluated(("deep",), lesions=2)
    kept = scores_from_bytes(scores_to_bytes(result))
    assert scores_to_bytes(result) == scores_to_bytes(result)
    place = {key: at for at, key in enumerate(sorted(result.rows.X.index))}
    for resample, one, fit in zip(result.resamples, result.out_of_bag, kept.fits, strict=True):
        keys = result.rows.X.index[resample.test]
        np.testing.assert_array_equal(fit.rows, [place[key] for key in keys])
        np.testing.assert_array_equal(np.argsort(fit.scores[0]), np.argsort(one.scores["deep"]))
        np.testing.assert_array_equal(fit.y, one.y_test)


def chain_of(tmp_path: Path, n: int = 4) -> ChainedFile:
    chain = ChainedFile(tmp_path / "ledger.jsonl")
    for number in range(n):
        chain.append({"kind": "evaluate", "value": number})
    return chain


def lines_of(chain: ChainedFile) -> list[bytes]:
    return chain.path.read_bytes().splitlines(keepends=True)


FAULTS = {
    "edited": lambda lines: [lines[0], lines[1].replace(b'"value":1', b'"value":7'), *lines[2:]],
    "last one edited": lambda lines: [*lines[:3], lines[3].replace(b'"value":3', b'"value":7')],
    "taken out": lambda lines: [lines[0], *lines[2:]],
    "taken off the end": lambda lines: lines[:3],
    "two taken off the end": lambda lines: lines[:2],
    "all gone": lambda lines: [],
    "put in twice": lambda lines: [*lines, lines[-1]],
    "exchanged": lambda lines: [lines[1], lines[0], *lines[2:]],
    "no entry": lambda lines: [*lines[:2], b"[]\n", *lines[3:]],
    "empty line": lambda lines: [*lines[:2], b"\n", *lines[2:]],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_ledger_that_was_tampered_with_is_refused(tmp_path, fault):
    chain = chain_of(tmp_path)
    chain.path.write_bytes(b"".join(FAULTS[fault](lines_of(chain))))
    before = chain.path.read_bytes()
    for use in (chain.entries, lambda: chain.append({"kind": "evaluate"}), lambda: chain.seal):
        with pytest.raises(EvaluationError, match="no longer whole") as caught:
            use()
        assert caught.value.code == "ledger_damaged"
    assert chain.path.read_bytes() == before


def test_a_ledger_whose_file_is_gone_is_refused(tmp_path):
    chain = chain_of(tmp_path)
    chain.path.unlink()
    with pytest.raises(EvaluationError, match="knows 4 entries and the file has 0"):
        chain.entries()


def test_a_torn_line_is_named_and_kept(tmp_path):
    chain = chain_of(tmp_path)
    whole = chain.path.read_bytes()
    chain.path.write_bytes(whole + b'{"kind":"evalua')
    for use in (chain.entries, lambda: chain.append({"kind": "evaluate"})):
        with pytest.raises(EvaluationError, match="line 5, the last, was cut off after 15") as c:
            use()
        assert c.value.code == "ledger_torn"
    aside = chain.set_aside_torn_line()
    assert aside.read_bytes() == b'{"kind":"evalua'
    entries = chain.entries()
    assert [entry["kind"] for entry in entries] == ["evaluate"] * 4 + ["torn_line"]
    assert entries[4]["sha256"] == hashlib.sha256(b'{"kind":"evalua').hexdigest()
    assert chain.path.read_bytes().startswith(whole)
    with pytest.raises(EvaluationError, match="the last line is whole"):
        chain.set_aside_torn_line()


def test_killed_between_line_and_head_nothing_is_lost(tmp_path):
    chain = chain_of(tmp_path, 3)
    head = tmp_path / "ledger.jsonl.head"
    behind = head.read_bytes()
    chain.append({"kind": "evaluate", "value": 3})
    head.write_bytes(behind)
    assert len(chain.entries()) == 4
    chain.append({"kind": "evaluate", "value": 4})
    assert len(chain.entries()) == 5
    head.write_bytes(b"{}")
    with pytest.raises(EvaluationError, match="not readable"):
        chain.entries()


def append_many(path: str, who: int) -> None:
    for number in range(15):
        ChainedFile(Path(path)).append({"kind": "evaluate", "who": who, "value": number})


def test_two_processes_may_append_at_once(tmp_path):
    path = tmp_path / "ledger.jsonl"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=append_many, args=(str(path), who)) for who in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    entries = ChainedFile(path).entries()
    assert [entry["number"] for entry in entries] == list(range(1, 31))
    for who in (1, 2):
        assert [e["value"] for e in entries if e["who"] == who] == list(range(15))


def append_until_killed(path: str) -> None:
    for number in range(100_000):
        ChainedFile(Path(path)).append({"kind": "evaluate", "value": number})


def test_killed_while_appending_the_chain_holds_or_the_torn_line_is_named(tmp_path):
    path = tmp_path / "ledger.jsonl"
    context = multiprocessing.get_context("fork")
    for _ in range(3):
        worker = context.Process(target=append_until_killed, args=(str(path),))
        worker.start()
        time.sleep(0.15)
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        chain = ChainedFile(path)
        if not path.read_bytes().endswith(b"\n"):
            with pytest.raises(EvaluationError, match="was cut off"):
                chain.entries()
            chain.set_aside_torn_line()
        entries = chain.entries()
        assert [entry["number"] for entry in entries] == list(range(1, len(entries) + 1))
        chain.append({"kind": "evaluate", "value": -1})


def test_scores_that_are_missing_or_changed_are_refused(tmp_path):
    ledger = StudyLedger(tmp_path)
    ledger.append(evaluated())
    file = next((tmp_path / "ledger_scores").iterdir())
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(EvaluationError, match="other scores") as caught:
        ledger.best_of_k()
    assert caught.value.code == "ledger_damaged"
    file.unlink()
    with pytest.raises(EvaluationError, match="cannot be read"):
        ledger.best_of_k()


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EvaluationError, match="not entered") as caught:
        StudyLedger(tmp_path / "file").append(evaluated())
    assert caught.value.code == "ledger_unwritable"
    with pytest.raises(EvaluationError) as caught:
        ChainedFile(tmp_path / "file" / "ledger.jsonl").append({})
    assert caught.value.code == "ledger_unwritable"


def test_a_seal_changes_with_every_entry(tmp_path):
    chain = ChainedFile(tmp_path / "ledger.jsonl")
    seals = [chain.seal]
    for number in range(3):
        chain.append({"value": number})
        seals.append(chain.seal)
    assert len(set(seals)) == 4
    assert json.loads(lines_of(chain)[2])["previous"] == seals[2]
