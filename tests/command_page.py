"""The generated part of ``docs/guide/command_line.md``: commands, exit codes, options, examples.

``tests/unit/cli/test_command_page.py`` holds the page against the commands. After a command has
been changed:

    python -P -m tests.command_page
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from tumor_response.cli.app import COMMANDS, app
from tumor_response.cli.codes import ExitCode

PAGE = Path(__file__).parents[1] / "docs" / "guide" / "command_line.md"
BEGIN = "<!-- made from the commands by: python -P -m tests.command_page -->"
END = "<!-- end of what is made -->"
COMMON = ("--json", "--quiet", "--verbose", "--debug", "--help")


def leaves(command: Any, path: str = "tumor-response") -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with how it is typed."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name in command.commands:
        yield from leaves(command.commands[name], f"{path} {name}")


def generated() -> str:
    """Return the part of the page that is made."""
    root = typer.main.get_command(app)
    return "\n".join([*_commands(), "", *_exit_codes(), "", *_common(root), *_each(root)])


def _commands() -> Iterator[str]:
    yield "| command | what it does |"
    yield "| --- | --- |"
    for name, entry in COMMANDS.items():
        yield f"| [`{name}`](#tumor-response-{_first(name)}) | {_cell(entry.summary)} |"


def _first(name: str) -> str:
    return {"cache": "cache-info", "weights": "weights-list"}.get(name, name)


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes"
    yield ""
    yield "| code | meaning |"
    yield "| --- | --- |"
    for code in ExitCode:
        yield f"| {int(code)} | {code.meaning} |"


def _common(root: Any) -> Iterator[str]:
    yield "## Options of every command"
    yield ""
    _, command = next(leaves(root))
    chosen = [one for one in command.get_params(_context(command)) if one.opts[0] in COMMON]
    chosen += [one for one in command.get_params(_context(command)) if "--help" in one.opts]
    yield from _table(command, list(dict.fromkeys(chosen)))


def _each(root: Any) -> Iterator[str]:
    for path, command in leaves(root):
        parameters = [
            one
            for one in command.get_params(_context(command))
            if not any(name in COMMON for name in one.opts)
        ]
        yield ""
        yield f"## {path}"
        yield ""
        yield " ".join(command.help.split())
        yield ""
        yield from _table(command, parameters)
        examples = command.epilog.replace("\b", "").splitlines()
        yield ""
        yield "```bash"
        yield from (line.strip() for line in examples if line.startswith("  "))
        yield "```"


def _table(command: Any, parameters: list[Any]) -> Iterator[str]:
    if not parameters:
        return
    yield "| option | what it is | default |"
    yield "| --- | --- | --- |"
    for one in parameters:
        yield f"| `{_cell(_name(one))}` | {_cell(one.help)} | {_default(one)} |"


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    names = ", ".join(sorted(parameter.opts, key=len))
    return f"{names} {parameter.metavar}" if parameter.metavar else names


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):
        return _cell(parameter.show_default)
    value = parameter.default
    if value is None or value is False or value == Path():
        return ""
    return f"`{getattr(value, 'value', value)}`"


def _context(command: Any) -> Any:
    return command.make_context(
        command.name, [], resilient_parsing=True, help_option_names=["-h", "--help"]
    )


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


def page(text: str) -> str:
    """Return a page's text with the generated part made again."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{generated()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
