"""What a program sees of the command line: one JSON object, exit codes, completion, start-up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.mistakes import PREDICTOR
from tests.unit import cases
from tumor_response import __version__
from tumor_response.cli import app
from tumor_response.cli.codes import ExitCode
from tumor_response.cli.console import show_table
from tumor_response.cli.ending import run_to_exit_code

LIGHT = ("--radiomics", "none", "--backbone", "none", "-j", "1")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("machine")
    frame = cases.cohort_folder(folder, 3)[["patient_id", "image", "mask", "age"]]
    frame.to_csv(folder / "manifest.csv", index=False)
    return folder / "manifest.csv"


def answered(*arguments: object) -> tuple[dict[str, object], str, int]:
    """Return the JSON object, the messages, and the exit code."""
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    return json.loads(result.stdout), result.stderr, result.exit_code


def started(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tumor_response.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


def test_json_is_one_object_and_the_messages_are_elsewhere(manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    told, messages, code = answered("extract", manifest, "--out", out, "--clinical", "age", *LIGHT)
    assert code == told["exit_code"] == 0, messages
    assert set(told) == {"command", "version", "exit_code", "result", "error"}
    assert told["command"] == "extract"
    assert told["version"] == __version__
    assert told["error"] is None
    result = told["result"]
    assert (result["n_lesions"], result["n_columns"], result["blocks"]) == (3, 2, ["clinical"])
    written = pd.read_csv(Path(result["tables"]) / "features.csv")
    assert len(written) == result["n_lesions"]
    assert "Extracting features of 3 lesions" in messages


def test_a_mistake_is_in_the_object_too(manifest: Path, tmp_path: Path) -> None:
    told, messages, code = answered(
        "extract", manifest, "--out", tmp_path / "study", "--clinical", "smoking", *LIGHT
    )
    assert code == told["exit_code"] == ExitCode.MISTAKE
    assert told["error"]["type"] == "FeatureError"
    assert told["error"]["message"] in messages
    assert "smoking" in told["error"]["message"]
    assert told["result"] == {}


def test_what_was_found_is_in_the_object(tmp_path: Path) -> None:
    whole, _, code = answered("verify", PREDICTOR)
    assert (code, whole["result"]["ok"]) == (0, True)
    data = bytearray(PREDICTOR.read_bytes())
    data[400] ^= 1
    (tmp_path / "model.trz").write_bytes(data)
    changed, _, code = answered("verify", tmp_path / "model.trz")
    assert code == changed["exit_code"] == ExitCode.FOUND
    assert changed["result"]["ok"] is False
    assert changed["result"]["sha256"] != whole["result"]["sha256"]


@pytest.mark.parametrize("arguments", [["extrac"], ["extract", "--no-such"], ["extract"]])
def test_a_mistyped_command_or_option_is_an_object(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tumor-response", *arguments, "--json"])
    assert run_to_exit_code(app) == ExitCode.MISTAKE
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert told["error"]["code"] == "usage"
    assert told["exit_code"] == ExitCode.MISTAKE
    assert told["error"]["message"] in captured.err


def test_quiet_says_nothing_and_verbose_says_what_runs(manifest: Path) -> None:
    quiet = CliRunner().invoke(app, ["check", str(manifest), "-j", "1", "--quiet"])
    assert (quiet.exit_code, quiet.output) == (0, "")
    verbose = CliRunner().invoke(app, ["check", str(manifest), "-j", "1", "--verbose"])
    assert f"tumor-response {__version__}" in verbose.output
    assert "n_jobs = 1" in verbose.output
    assert "peak memory" in verbose.output


def test_quiet_still_says_what_is_wrong(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["verify", str(tmp_path), "--quiet"])
    assert result.exit_code == ExitCode.MISTAKE
    assert result.stdout == ""
    assert "SHA256SUMS" in result.stderr


def test_debug_shows_the_traceback_and_keeps_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tumor-response", "verify", str(tmp_path), "--debug"])
    assert run_to_exit_code(app) == ExitCode.MISTAKE
    assert "Traceback" in capsys.readouterr().err


def test_a_fault_of_ours_has_its_own_code(
    manifest: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("tumor_response.cli.check.check_manifest", broken)
    monkeypatch.setattr(sys, "argv", ["tumor-response", "check", str(manifest), "--json"])
    assert run_to_exit_code(app) == ExitCode.FAULT
    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"]["type"] == "ZeroDivisionError"
    assert "Please report it" in captured.err


def test_help_imports_no_command_and_nothing_heavy() -> None:
    program = (
        "import sys; sys.argv = ['tumor-response', '--help']\n"
        "from tumor_response.cli.app import app\n"
        "from tumor_response.cli.ending import run_to_exit_code\n"
        "assert run_to_exit_code(app) == 0\n"
        "own = [m for m in sys.modules if m.startswith('tumor_response.cli.commands')]\n"
        "heavy = {'rich', 'pydantic', 'pandas', 'numpy', 'torch'} & set(sys.modules)\n"
        "print(own, sorted(heavy), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr.strip() == "[] []"
    assert "The whole way:" in done.stdout


def test_help_answers_within_half_a_second_of_processor_time() -> None:
    def used() -> float:
        before = os.times()
        assert started("--help").returncode == 0
        after = os.times()
        return (
            after.children_user - before.children_user
            + after.children_system - before.children_system
        )  # fmt: skip

    assert min(used() for _ in range(3)) < 0.5


def test_the_shell_completes_commands_and_options(tmp_path: Path) -> None:
    script = tmp_path / "tumor-response"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m tumor_response.cli "$@"\n')
    script.chmod(0o755)
    ask = (
        'eval "$(_TUMOR_RESPONSE_COMPLETE=source_bash tumor-response)"\n'
        "complete -p tumor-response >&2\n"
        "name=$(complete -p tumor-response | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n"
        'completed() { COMP_WORDS=(tumor-response "$@"); COMP_CWORD=$#; $name tumor-response; }\n'
        'completed ev; echo "${COMPREPLY[@]}"\n'
        'completed verify --ver; echo "${COMPREPLY[@]}"\n'
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", ask], capture_output=True, text=True, env=os.environ | {"PATH": path}
    )
    assert done.stdout.splitlines() == ["evaluate", "--verbose"], done.stdout + done.stderr


def test_a_terminal_without_the_letters_is_printed_on_all_the_same(tmp_path: Path) -> None:
    done = started(
        *("verify", str(tmp_path / "Größe")),
        LC_ALL="C",
        PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
    )
    assert done.returncode == ExitCode.MISTAKE
    assert "Traceback" not in done.stderr
    assert "SHA256SUMS" in done.stderr
    assert done.stderr.isascii()


def test_output_that_nobody_reads_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tumor_response.cli", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        running.stdout.close()
        assert running.stderr is not None
        assert running.stderr.read() == b""
    assert running.returncode == ExitCode.PIPE_CLOSED


ROW = [("logistic_all", "0.71", "0.58 to 0.83")]
COLUMNS = ("model", "AUC out of bag", "interval")


def test_a_narrow_terminal_gets_a_list(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # which makes rich take it for a terminal
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("NO_COLOR", "1")
    show_table("AUC", COLUMNS, ROW)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [
        "- model: logistic_all",
        "  AUC out of bag: 0.71",
        "  interval: 0.58 to 0.83",
    ]


def test_a_pipe_gets_the_whole_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "30")
    show_table("AUC", COLUMNS, ROW)
    printed = capsys.readouterr().out
    assert any("logistic_all" in line and "0.58 to 0.83" in line for line in printed.splitlines())
    assert "\x1b" not in printed


def test_ctrl_c_leaves_what_was_finished(tmp_path: Path) -> None:
    """A real signal, once some cases have been finished and others have not."""
    frame = cases.cohort_folder(tmp_path, 40)[["patient_id", "image", "mask"]]
    frame.to_csv(tmp_path / "manifest.csv", index=False)
    out = tmp_path / "study"
    slow_enough = ("--radiomics", "minimal", *LIGHT[2:])
    arguments = ("extract", str(tmp_path / "manifest.csv"), "--out", str(out), *slow_enough)
    with subprocess.Popen(
        [sys.executable, "-m", "tumor_response.cli", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        while running.poll() is None and len(list((out / ".cache").rglob("*"))) < 8:
            time.sleep(0.005)
        running.send_signal(2)
        _, messages = running.communicate()
    assert running.returncode == ExitCode.INTERRUPTED, messages
    assert "Run the same command again" in messages
    assert "Traceback" not in messages
    told, _, code = answered(*arguments)
    assert code == 0
    assert told["result"]["n_lesions"] == 40
