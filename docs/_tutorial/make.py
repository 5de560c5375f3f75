"""Go the tutorial's way and keep what is printed: ``docs/tutorial/transcript``.

    python docs/_tutorial/study.py SCRATCH --real DATA/sts/dicom
    python docs/_tutorial/make.py SCRATCH

Each step's output becomes a text file with what was typed above it; ``times.csv`` says at what
minute each began and how long it took, in seconds of the clock and of the processor.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from steps import MISTAKES, Command, Step, steps

PROJECT = Path(__file__).resolve().parents[2]
TRANSCRIPT = PROJECT / "docs" / "tutorial" / "transcript"

_MAIN = "import sys; sys.argv[0] = 'tumor-response'; from tumor_response.cli import main; main()"


@dataclass(frozen=True)
class Printed:
    """What a step printed, when it began, and what it took."""

    name: str
    text: str
    code: int
    began_s: float
    wall_s: float
    cpu_s: float


def go(folder: Path, way: Sequence[Step]) -> Iterator[Printed]:
    """Do the steps in a folder, one after the other."""
    start = time.monotonic()
    for step in way:
        began, cpu = time.monotonic(), _cpu_s()
        if isinstance(step, Command):
            done = subprocess.run(
                [sys.executable, "-P", "-c", _MAIN, *shlex.split(step.line)[1:]],
                cwd=folder,
                env=_environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            said, code = done.stdout.replace(str(folder.resolve()), "~/tumour"), done.returncode
            text = f"$ {step.line}\n{said}"
            if code:
                text += f"[exit code {code}]\n"
        else:
            text, code = step.apply(folder / "study" / "study.toml"), 0
        ended = time.monotonic()
        yield Printed(step.name, text, code, began - start, ended - began, _cpu_s() - cpu)


def _environment(folder: Path) -> dict[str, str]:
    # index, key and cache of this tutorial only: the first run is a first run
    own = {name: str(folder / ".home" / name) for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
    return os.environ | own | {"COLUMNS": "88", "NO_COLOR": "1", "PYTHONPATH": path}


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write(printed: Sequence[Printed], folder: Path) -> None:
    """Write one text per step, without what trails on its lines, and the table of times."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in printed:
        text = "\n".join(line.rstrip() for line in one.text.splitlines()) + "\n"
        (folder / f"{one.name}.txt").write_text(text, encoding="utf-8")
    with (folder / "times.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["step", "minute", "wall_s", "cpu_s", "exit_code"])
        for one in printed:
            minute = f"{int(one.began_s) // 60}:{int(one.began_s) % 60:02d}"
            table.writerow([one.name, minute, f"{one.wall_s:.0f}", f"{one.cpu_s:.0f}", one.code])


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="what study.py wrote")
    parser.add_argument("--resamples", type=int, default=50)
    given = parser.parse_args()
    for way, name in ((steps(given.resamples), "way"), (MISTAKES, "mistakes")):
        printed: list[Printed] = []
        for one in go(given.folder.resolve(), way):
            print(f"{one.text}[{one.wall_s:.0f} s]\n", flush=True)
            printed.append(one)
            write(printed, TRANSCRIPT / name)


if __name__ == "__main__":
    main()
