"""The suite's own rule: what is missing skips by name, or fails where it is required."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).parents[1] / "conftest.py"
ABSENT = {"r": "r-cran-proc", "chromium": "apt-get install chromium", "data": "TUMOR_RESPONSE_DATA"}


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Run one marked test where neither programs nor data are to be found."""

    def run(name: str, required: str = "", body: str = "pass") -> pytest.RunResult:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("TUMOR_RESPONSE_DATA", str(tmp_path / "nowhere"))
        monkeypatch.setenv("TUMOR_RESPONSE_REQUIRE", required)
        pytester.makeini("[pytest]\nmarkers = needs(name): see the project\n")
        pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
        pytester.makepyfile(
            f"import pytest\n\n@pytest.mark.needs({name!r})\ndef test_it():\n    {body}\n"
        )
        return pytester.runpytest_inprocess("-rs", "-p", "no:cacheprovider")

    return run


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_a_missing_thing_skips_with_the_line_that_brings_it(run, name: str) -> None:
    result = run(name)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines([f"*{name} is not here; *{ABSENT[name]}*"])


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_a_missing_thing_that_is_required_fails(run, name: str) -> None:
    result = run(name, required="r,chromium,data")
    assert result.parseoutcomes() == {"errors": 1}  # in setup: the body never ran
    result.stdout.fnmatch_lines([f"*required by TUMOR_RESPONSE_REQUIRE: {name} is not here*"])


def test_what_is_not_required_may_still_skip(run) -> None:
    run("data", required="r,chromium").assert_outcomes(skipped=1)


def test_what_is_there_runs(run, tmp_path: Path) -> None:
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    assert run("chromium", body="assert False").parseoutcomes() == {"failed": 1}


def test_an_unknown_name_is_an_error_in_marker_and_variable(run) -> None:
    assert run("chrome").parseoutcomes() == {"errors": 1}
    result = run("r", required="r,chrome")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*TUMOR_RESPONSE_REQUIRE names*chrome*"])
