"""How a command ends: the exit codes, in one place."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """What a script reads from ``$?``."""

    DONE = 0
    FOUND = 1
    MISTAKE = 2
    FAULT = 70  # EX_SOFTWARE of sysexits.h
    INTERRUPTED = 130  # 128 + SIGINT, as shells have it
    PIPE_CLOSED = 141  # 128 + SIGPIPE

    @property
    def meaning(self) -> str:
        """One sentence for people."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.DONE: "Done.",
    ExitCode.FOUND: (
        "Done, and something is wrong with what was looked at: `check` has a finding that is an "
        "error, `verify`, `cache verify` or `weights verify` found something damaged or changed, "
        "a program that `bench` ran has failed."
    ),
    ExitCode.MISTAKE: (
        "A mistake that you can mend: an option, a file, a folder, the data. The message says what."
    ),
    ExitCode.FAULT: "A fault of this program, with its traceback: please report it.",
    ExitCode.INTERRUPTED: "Stopped by Ctrl-C; the message says how to go on.",
    ExitCode.PIPE_CLOSED: "Nobody reads the output any more, as with `| head`.",
}
