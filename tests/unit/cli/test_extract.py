"""``tumor-response extract`` with what is for long runs: log, memory, a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from distributed import LocalCluster
from typer.testing import CliRunner

import tumor_response as tr
from tests.unit import cases
from tumor_response.cli import app


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    frame = cases.cohort_folder(tmp_path, 3)[["patient_id", "image", "mask", "age"]]
    frame.to_csv(tmp_path / "manifest.csv", index=False)
    return tmp_path / "manifest.csv"


def extract(manifest: Path, out: Path, *options: object) -> tuple[int, str]:
    light = ("--radiomics", "none", "--backbone", "none", "--clinical", "age")
    arguments = [str(a) for a in ("extract", manifest, "--out", out, *light, *options)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    return result.exit_code, " ".join(result.output.split())


def events(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_table_from_here_and_from_a_cluster_with_a_log_of_both(
    manifest: Path, tmp_path: Path
) -> None:
    log = tmp_path / "run.jsonl"
    code, said = extract(manifest, tmp_path / "here", "-j", 1, "--log", log, "--memory-gb", 1.5)
    assert code == 0, said
    with LocalCluster(
        n_workers=1, processes=False, protocol="tcp", dashboard_address=":0"
    ) as cluster:
        file = tmp_path / "scheduler.json"  # as ``dask scheduler --scheduler-file`` writes it
        file.write_text(json.dumps(cluster.scheduler.identity() | {"workers": {}}, default=str))
        code, said = extract(manifest, tmp_path / "cluster", "--dask", file, "--log", log)
    assert code == 0, said
    assert contents(tmp_path / "here" / "features") == contents(tmp_path / "cluster" / "features")
    started = [event for event in events(log) if event["event"] == "run_started"]
    assert [event["place"] for event in started] == ["serial", "dask"]
    ends = [event for event in events(log) if event["event"] == "run_finished"]
    assert [event["done"] for event in ends] == [3, 3]


def test_a_cluster_and_memory_of_this_machine_are_refused_together(
    manifest: Path, tmp_path: Path
) -> None:
    with LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        code, said = extract(manifest, tmp_path / "out", "--dask", address, "--memory-gb", 1)
    assert code == 2
    assert "memory_gb= are for this machine" in said


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--log", "{tmp}/none/run.jsonl"], "Name a file in a folder that exists"),
        (["--log", "{tmp}"], "Is a directory"),
        (["--memory-gb", "0"], "--memory-gb"),
        (["--memory-gb", "inf"], "expected a number of 10^9 bytes"),
        (["--dask", "nowhere"], "no scheduler answers there"),
        (["--dask", "{tmp}/manifest.csv"], "no scheduler answers there"),
    ],
)
def test_a_wrong_option_is_a_message_and_nothing_is_written(
    manifest: Path, tmp_path: Path, options: list[str], expected: str
) -> None:
    given = [option.format(tmp=tmp_path) for option in options]
    code, said = extract(manifest, tmp_path / "out", "-j", 2, *given)
    assert code == 2
    assert expected in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_a_table_that_is_there_survives_a_log_that_cannot_be_written(
    manifest: Path, tmp_path: Path
) -> None:
    assert extract(manifest, tmp_path / "out", "-j", 1)[0] == 0
    before = contents(tmp_path / "out" / "features")
    code, _ = extract(manifest, tmp_path / "out", "-j", 1, "--log", tmp_path / "none" / "x")
    assert code == 2
    assert contents(tmp_path / "out" / "features") == before
    assert tr.FeatureTable.load(tmp_path / "out" / "features").failures.empty
