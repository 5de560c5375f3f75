"""Feed the loader of predictor files with damaged and hostile ones: refused, or harmless.

    python benchmarks/predictor_file_fuzz.py --inputs 20000

Five kinds of change, from outside to inside: bytes of the file; bytes of the zip with the seal
made anew; bytes of a member with manifest and seal made anew; values of the manifest; values, names
and types within the members' JSON. Only a ``BundleError`` may come of an input, or a predictor that
says of the made-up rows what the good one says. Memory is bounded for the whole process, an alarm
ends an input that takes longer than 20 seconds, and Python's audit hook ends one that imports,
executes, opens or starts anything; each counts as a failure. The counts go to
``benchmarks/results/predictor_file_fuzz.csv``; a run that was ended goes on where it was.

Quick: --inputs 20
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.unit.predictor.container.altering import good
from tests.unit.predictor.container.fuzzing import GOOD, KINDS, fate, made
from tumor_response.predictor.saving import state_bytes, state_from

RESULTS = Path(__file__).parent / "results" / "predictor_file_fuzz.csv"
SECONDS = 20
MEMORY_BYTES = 6 * 1024**3
AUDITED = ("import", "exec", "open", "os.", "subprocess.", "socket.", "pickle.", "ctypes.dl")

_watching = False


class _EndedError(BaseException):
    """The loader did what it must not; no ``except Exception`` takes it away."""


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event.startswith(AUDITED):
        raise _EndedError(f"{event} {str(arguments)[:200]}")


def _too_long(*_: object) -> None:
    raise _EndedError(f"longer than {SECONDS} seconds")


def run(n_inputs: int, progress: Path) -> Counter[tuple[str, str]]:
    """Run the inputs that are not done yet, and return how many came to which end."""
    global _watching
    found: Counter[tuple[str, str]] = Counter()
    done = 0
    if progress.exists():
        kept = json.loads(progress.read_text())
        found.update({(kind, end): n for kind, end, n in kept["ends"]})
        done = kept["done"]
    kinds = [kind for kind, (_, share) in KINDS.items() for _ in range(round(100 * share))]
    for number in range(done, n_inputs):
        kind = kinds[number * 37 % 100]
        content = made(kind, number)
        signal.alarm(SECONDS)
        _watching = True
        try:
            end = fate(kind, content)
        except (Exception, _EndedError) as error:
            _watching = False
            end = f"failed: {type(error).__name__} {str(error)[:60]}"
            print(kind, number, "".join(traceback.format_exception(error)), flush=True)
        _watching = False
        signal.alarm(0)
        found[kind, end] += 1
        if number % 500 == 499 or number == n_inputs - 1:
            ends = [[*key, n] for key, n in sorted(found.items())]
            progress.write_text(json.dumps({"done": number + 1, "ends": ends}))
            print(time.strftime("%H:%M:%S"), number + 1, flush=True)
    return found


def main() -> None:
    """Warm up, watch, run, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=20_000)
    n_inputs = parser.parse_args().inputs
    for name in GOOD:
        fate("values", good(name) + b"0")
        repr(state_from(good(name)).model)  # messages name models; scikit-learn's words for them
        state_bytes(state_from(good(name)))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGALRM, _too_long)
    sys.addaudithook(_watch)
    progress = Path(tempfile.gettempdir()) / f"predictor_file_fuzz_{n_inputs}.json"
    found = run(n_inputs, progress)
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kind", "fate", "n"])
        writer.writerows([*key, n] for key, n in sorted(found.items()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{sum(found.values())} inputs, peak memory of the process {peak} MiB")


if __name__ == "__main__":
    main()
