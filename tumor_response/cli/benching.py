"""The benchmarks of a checkout: which there are, and running a copy of one."""

from __future__ import annotations

import ast
import difflib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from tumor_response._version import __version__
from tumor_response.cli.console import show_table
from tumor_response.cli.output import found, say
from tumor_response.exceptions import SettingsError
from tumor_response.features.run_progress import duration_text

__all__ = ["Program", "list_programs", "machine", "programs", "run_program"]

_FOLDER = "benchmarks"
_QUICK = "Quick:"
_TAIL = 15
_LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "torch", "xgboost", "SimpleITK")


@dataclass(frozen=True)
class Program:
    """A benchmark, from its docstring.

    Parameters
    ----------
    path
        Where it is.
    shows
        The first line of its docstring.
    quick
        Options of its short form, from a line ``Quick: --seeds 2``; None: it has none.
    """

    path: Path
    shows: str
    quick: tuple[str, ...] | None

    @property
    def name(self) -> str:
        """As it is called."""
        return self.path.stem


def programs(checkout: Path) -> list[Program]:
    """Return the programs of a checkout, from their docstrings; none of them is imported.

    Raises
    ------
    SettingsError
        If there are none.
    """
    listed = []
    for path in sorted((checkout / _FOLDER).glob("*.py")):
        source = path.read_text(encoding="utf-8")
        lines = (ast.get_docstring(ast.parse(source)) or "").splitlines()
        if lines and "__main__" in source:
            quick = [line.removeprefix(_QUICK) for line in lines if line.startswith(_QUICK)]
            listed.append(Program(path, lines[0], tuple(shlex.split(quick[0])) if quick else None))
    if not listed:
        raise SettingsError(
            f"{checkout.resolve()} has no folder {_FOLDER}/ with programs. They come with the "
            "project's source and not with the installed package: get a checkout, and run this "
            "command in it or say --checkout FOLDER."
        )
    return listed


def list_programs(checkout: Path) -> None:
    """Show the programs and what each one measures."""
    listed = programs(checkout)
    rows = [(one.name, "yes" if one.quick is not None else "", one.shows) for one in listed]
    show_table("Benchmarks", ("name", "quick", "what it shows"), rows, text=(0, 1, 2))
    found(
        programs=[
            {"name": one.name, "shows": one.shows, "quick": one.quick is not None} for one in listed
        ]
    )


def run_program(
    checkout: Path,
    name: str,
    out: Path,
    options: Sequence[str],
    *,
    quick: bool,
    dry_run: bool = False,
) -> bool:
    """Run a copy of a program; return whether it ended well.

    Parameters
    ----------
    checkout
        Whose folder ``benchmarks`` has the program.
    name
        The program's file, without its ending.
    out
        New or empty folder, or one of an earlier run of the same program.
    options
        For the program, after those of its short form.
    quick
        Its short form.
    dry_run
        Say what would be run.

    Raises
    ------
    SettingsError
        If there is no such program, or it has no short form.
    """
    listed = {one.name: one for one in programs(checkout)}
    if name not in listed:
        near = difflib.get_close_matches(name, listed, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise SettingsError(
            f"There is no benchmark {name!r}.{hint} tumor-response bench lists all."
        )
    program = listed[name]
    if quick and program.quick is None:
        raise SettingsError(
            f"{name} has no short form; its own options are --option=--help, and --option=... "
            "passes them on."
        )
    arguments = [*((program.quick or ()) if quick else ()), *options]
    say(f"{name}: {program.shows}")
    command = [sys.executable, "-P", f"{_FOLDER}/{name}.py", *arguments]
    if dry_run:
        say(f"Would run, in {out}: {shlex.join(['python', *command[1:]])}")
        found(name=name, arguments=arguments, dry_run=True)
        return True
    _copy(checkout, out)
    about: dict[str, Any] = {
        "benchmark": name,
        "arguments": arguments,
        "quick": quick,
        **machine(),
    }
    (out / "machine.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    before = _stamps(out)
    done, output = _run(command, out, checkout)
    written = sorted(str(path) for path, stamp in _stamps(out).items() if before.get(path) != stamp)
    used = done["wall_s"]
    (out / "machine.json").write_text(json.dumps(about | done, indent=2) + "\n", encoding="utf-8")
    if quick:
        say("This was the short form: it shows that the program runs; its numbers mean nothing.")
    ended = "done" if done["exit_code"] == 0 else f"failed with exit code {done['exit_code']}"
    say(f"{name}: {ended} after {duration_text(used)} on {about['processor']}.")
    say(f"Results, output.txt and machine.json: {out.resolve()}")
    for path in written:
        say(f"  {path}")
    found(
        name=name,
        quick=quick,
        arguments=arguments,
        machine=machine(),
        **done,
        folder=str(out.resolve()),
        written=written,
        output_tail=output[-_TAIL:],
    )
    return bool(done["exit_code"] == 0)


def machine() -> dict[str, Any]:
    """Describe this machine and the versions, so that a time can be compared with another."""
    versions = {}
    for name in _LIBRARIES:
        versions[name] = metadata.version(name)
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "tumor_response": __version__,
        "versions": versions,
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _copy(checkout: Path, out: Path) -> None:
    """Copy the programs with their results to where they may write."""
    copied = out / _FOLDER
    if out.exists() and any(out.iterdir()) and not (out / "machine.json").is_file():
        raise SettingsError(f"{out} has other files in it; name a new or empty folder with --out.")
    shutil.copytree(
        checkout / _FOLDER,
        copied,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__", ".*"),
    )
    for folder in ("docs/_figures", "docs/guide"):  # where some of them draw
        (out / folder).mkdir(parents=True, exist_ok=True)


def _stamps(out: Path) -> dict[Path, tuple[int, int]]:
    own = {"machine.json", "output.txt"}
    return {
        path.relative_to(out): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in out.rglob("*")
        if path.is_file() and path.name not in own and "__pycache__" not in path.parts
    }


def _run(command: list[str], out: Path, checkout: Path) -> tuple[dict[str, Any], list[str]]:
    """Run a program, its output shown and kept; return how it ended, and the lines."""
    # some programs share what others of them have
    places = [
        str((out / _FOLDER).resolve()),
        str(checkout.resolve()),
        os.environ.get("PYTHONPATH", ""),
    ]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    start = time.perf_counter()
    lines = []
    with (
        (out / "output.txt").open("w", encoding="utf-8") as kept,
        subprocess.Popen(  # noqa: S603 - a program of the user's own checkout
            command,
            cwd=out,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as running,
    ):
        for line in running.stdout or ():
            kept.write(line)
            lines.append(line.rstrip("\n"))
            say(f"  {lines[-1]}")
    seconds = time.perf_counter() - start
    return {"exit_code": running.returncode, "wall_s": round(seconds, 2)}, lines
