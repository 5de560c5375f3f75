"""From whatever a command ends with to an exit code and words, never a traceback for a mistake."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import typer

from tumor_response.cli.codes import ExitCode
from tumor_response.cli.output import Output, emit, warn

__all__ = ["run_to_exit_code"]


def run_to_exit_code(app: Callable[..., Any]) -> int:
    """Run the command line on ``sys.argv``, and return how it ended."""
    for stream in (sys.stdout, sys.stderr):
        # a name in letters that the terminal has not got must not end a run
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = int(app(standalone_mode=False, prog_name="tumor-response") or ExitCode.DONE)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):
        # typer leaves by SystemExit where nobody reads, and for nothing else that gets here;
        # what is left in the buffer would be complained about at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ExitCode.PIPE_CLOSED
    except (KeyboardInterrupt, typer.Abort):
        warn("\nStopped.")
        return ExitCode.INTERRUPTED
    except Exception as error:
        if _is_usage(error):
            return _usage(error)
        if "--debug" in sys.argv and _is_ours(error):
            traceback.print_exc()
            return ExitCode.MISTAKE
        traceback.print_exc()
        warn(
            "\nThis is a fault of tumor-response, not yours. Please report it with the lines above "
            "and what you typed."
        )
        return ExitCode.FAULT
    return code


def _is_usage(error: Exception) -> bool:
    # whichever click it is that typer comes with
    return isinstance(error, typer.BadParameter.__mro__[2])


def _is_ours(error: Exception) -> bool:
    from tumor_response.exceptions import TumorResponseError

    return isinstance(error, (TumorResponseError, OSError))


def _usage(error: Any) -> int:
    """Show what was mistyped; with ``--json`` as the object, too."""
    error.show()
    if "--json" in sys.argv:
        command = error.ctx.command_path if error.ctx is not None else ""
        output = Output(command=command.partition(" ")[2], as_json=True)
        output.error = {"type": "UsageError", "code": "usage", "message": error.format_message()}
        emit(output, error.exit_code)
    return int(error.exit_code)
