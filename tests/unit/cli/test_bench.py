"""``tumor-response bench``: a copy of a checkout's program is run, with the machine beside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tumor_response.cli import app
from tumor_response.cli.benching import programs

PROJECT = Path(__file__).parents[3]
PROGRAM = '''"""Count to a number.

Quick: --to 2
"""

import argparse
from pathlib import Path

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", type=int, default=1000)
    to = parser.parse_args().to
    print("counted to", to)
    (Path(__file__).parent / "results" / "count.csv").write_text(str(to))
    if to == 13:
        raise SystemExit(3)
'''


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout" / "benchmarks"
    (folder / "results").mkdir(parents=True)
    (folder / "results" / "count.csv").write_text("1000")
    (folder / "count.py").write_text(PROGRAM)
    (folder / "slow.py").write_text('"""Takes its time."""\nif __name__ == "__main__":\n    pass\n')
    (folder / "helper.py").write_text('"""For the others."""\n')
    return tmp_path / "checkout"


def bench(checkout: Path, *arguments: object) -> tuple[dict[str, object], str, int]:
    options = ["--checkout", str(checkout), "--json"]
    result = CliRunner().invoke(app, ["bench", *map(str, arguments), *options])
    return json.loads(result.stdout), result.stderr, result.exit_code


def test_they_are_listed_with_what_they_show(checkout: Path) -> None:
    told, _, code = bench(checkout)
    assert code == 0
    assert told["result"]["programs"] == [
        {"name": "count", "shows": "Count to a number.", "quick": True},
        {"name": "slow", "shows": "Takes its time.", "quick": False},
    ]


def test_a_copy_runs_and_says_on_what_machine(checkout: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told, said, code = bench(checkout, "count", "--quick", "--out", out)
    assert code == 0, said
    assert (out / "benchmarks" / "results" / "count.csv").read_text() == "2"
    assert (checkout / "benchmarks" / "results" / "count.csv").read_text() == "1000"
    assert told["result"]["written"] == ["benchmarks/results/count.csv"]
    assert (out / "output.txt").read_text() == "counted to 2\n"
    machine = json.loads((out / "machine.json").read_text())
    assert machine["arguments"] == ["--to", "2"]
    assert machine["exit_code"] == 0
    assert {"processor", "cores", "memory_gb", "python", "versions"} <= set(machine)
    assert "its numbers mean nothing" in said


def test_a_program_that_fails_is_code_1(checkout: Path, tmp_path: Path) -> None:
    told, said, code = bench(checkout, "count", "--option=--to=13", "--out", tmp_path / "out")
    assert code == told["exit_code"] == 1
    assert told["result"]["exit_code"] == 3
    assert "failed with exit code 3" in said


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["cuont"], "Did you mean 'count'?"),
        (["slow", "--quick"], "slow has no short form"),
        (["helper"], "There is no benchmark 'helper'"),
    ],
)
def test_what_cannot_be_run_is_a_message(
    checkout: Path, arguments: list[str], expected: str
) -> None:
    told, _, code = bench(checkout, *arguments)
    assert code == 2
    assert expected in told["error"]["message"]


def test_other_files_are_not_written_among(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    told, _, code = bench(checkout, "count", "--out", tmp_path)
    assert code == 2
    assert "has other files in it" in told["error"]["message"]


def test_nothing_runs_dry(checkout: Path, tmp_path: Path) -> None:
    _, said, code = bench(checkout, "count", "--dry-run", "--out", tmp_path / "out")
    assert code == 0
    assert "Would run" in said
    assert not (tmp_path / "out").exists()


def test_every_program_of_the_project_says_what_it_shows() -> None:
    listed = programs(PROJECT)
    assert len(listed) > 50
    for one in listed:
        assert one.shows.endswith((".", "?", ":")), one.name
        assert len(one.shows) <= 100, one.name
    assert sum(one.quick is not None for one in listed) >= 5
