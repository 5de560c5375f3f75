"""Help texts and the page that is made of them."""

from __future__ import annotations

import pytest
import typer

from tests.command_page import COMMON, PAGE, leaves, page
from tumor_response.cli.app import COMMANDS, app
from tumor_response.cli.codes import ExitCode

LEAVES = dict(leaves(typer.main.get_command(app)))


def test_the_page_is_what_the_commands_say() -> None:
    text = PAGE.read_text("utf-8")
    assert page(text) == text


def test_there_are_all_the_commands() -> None:
    expected = "demo init run check extract evaluate ablate explain predict report export verify"
    assert sorted(COMMANDS) == sorted([*expected.split(), "cache", "weights", "bench"])


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_has_examples_that_name_it_and_its_own_options(path: str) -> None:
    command = LEAVES[path]
    lines = [line.strip() for line in command.epilog.splitlines() if line.startswith("  ")]
    assert lines
    known = {name for one in command.params for name in one.opts}
    for line in lines:
        assert line.startswith(path), line
        used = {word.partition("=")[0] for word in line.split() if word.startswith("--")}
        assert used <= known, line


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_has_the_common_options(path: str) -> None:
    known = {name for one in LEAVES[path].params for name in one.opts}
    assert set(COMMON) - {"--help"} <= known


@pytest.mark.parametrize("name", [n for n in COMMANDS if f"tumor-response {n}" in LEAVES])
def test_the_list_of_commands_says_what_the_command_says(name: str) -> None:
    first = " ".join(LEAVES[f"tumor-response {name}"].help.split("\n\n")[0].split())
    assert first.startswith(COMMANDS[name].summary.rstrip("."))


def test_every_exit_code_has_a_meaning_and_is_a_code() -> None:
    assert all(code.meaning.endswith((".", "`.")) for code in ExitCode)
    assert [int(code) for code in ExitCode] == [0, 1, 2, 70, 130, 141]
