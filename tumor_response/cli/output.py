"""What a command says: messages for people, or one JSON object for a program.

Without ``--json`` messages go to standard output. With it standard output holds exactly one JSON
object, and every message goes to standard error.
"""

from __future__ import annotations

import functools
import inspect
import json
import resource
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from tumor_response.cli.codes import ExitCode
from tumor_response.progress import silenced

__all__ = ["Output", "current", "described", "emit", "found", "say", "spoken", "warn"]


@dataclass
class Output:
    """How the command that runs speaks, and what it has found for a program to read."""

    command: str = ""
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    result: dict[str, Any] = field(default_factory=dict)
    error: dict[str, str] | None = None


_current: ContextVar[Output | None] = ContextVar("output", default=None)


def current() -> Output:
    """Return how the running command speaks; outside of one as a command without options."""
    return _current.get() or Output()


def say(text: str) -> None:
    """Print one line exactly as it is, unless ``--quiet``."""
    now = current()
    if not now.quiet:
        print(text, file=sys.stderr if now.as_json else sys.stdout)


def warn(text: str) -> None:
    """Print a message on standard error exactly as it is, whatever the options say."""
    print(text, file=sys.stderr)  # noqa: T201


def found(**result: Any) -> None:
    """Add to what ``--json`` shows as ``result``."""
    current().result.update(result)


def emit(output: Output, code: int) -> None:
    """Print the one JSON object of a command."""
    from tumor_response._version import __version__

    told = {
        "command": output.command,
        "version": __version__,
        "exit_code": int(code),
        "result": output.result,
        "error": output.error,
    }
    print(json.dumps(told, indent=2, default=_plain, allow_nan=False))  # noqa: T201


def _say_what_runs(name: str, options: dict[str, Any]) -> None:
    import platform

    from tumor_response._version import __version__

    say(f"tumor-response {__version__}, Python {platform.python_version()}: {name}")
    for key, value in options.items():
        say(f"  {key} = {value}")


def described(error: Exception, code: str) -> dict[str, str]:
    """Return what ``--json`` shows as ``error``."""
    return {"type": type(error).__name__, "code": code, "message": str(error)}


def _plain(value: Any) -> Any:
    """Return what JSON has for a value of NumPy's or a path."""
    if hasattr(value, "item"):
        return value.item()
    return str(value)


_OPTIONS = {
    "json_output": Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one JSON object on standard output; messages go to standard error.",
            show_default=False,
        ),
    ],
    "quiet": Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", help="Print errors only, and draw no bar.", show_default=False
        ),
    ],
    "verbose": Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            help="Print versions and options first, and what it took in the end.",
            show_default=False,
        ),
    ],
}


def spoken(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command ``--json``, ``--quiet`` and ``--verbose``.

    Parameters
    ----------
    name
        As it is typed, for the JSON object.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(function, eval_str=True)
        added = [
            inspect.Parameter(
                key, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation
            )
            for key, annotation in _OPTIONS.items()
        ]

        @functools.wraps(function)
        def command(*, json_output: bool, quiet: bool, verbose: bool, **options: Any) -> None:
            output = Output(name, as_json=json_output, quiet=quiet, verbose=verbose)
            before = _current.set(output)
            code = ExitCode.FAULT
            start = time.perf_counter()
            if verbose:
                _say_what_runs(name, options)
            try:
                with silenced() if quiet else nullcontext():
                    function(**options)
                code = ExitCode.DONE
            except typer.Exit as end:
                code = ExitCode(end.exit_code)
                raise
            except typer.BadParameter:
                output.as_json = False  # whoever shows wrong options has the object as well
                raise
            except Exception as error:
                output.error = {
                    "type": type(error).__name__,
                    "code": "fault",
                    "message": str(error),
                }
                raise
            finally:
                if verbose:
                    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
                    say(f"{time.perf_counter() - start:.1f} s, peak memory {peak_mb:.0f} MB.")
                if output.as_json:
                    emit(output, code)
                _current.reset(before)

        parameters = [*signature.parameters.values(), *added]
        command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        return command

    return decorate
