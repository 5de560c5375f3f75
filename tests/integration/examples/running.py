"""How the examples are run: as a reader would run them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["EXAMPLES", "output_of"]

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def output_of(script: str, *arguments: object) -> str:
    """Run an example; return what it prints."""
    command = [sys.executable, "-W", "error::RuntimeWarning", str(EXAMPLES / script)]
    run = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, timeout=540
    )
    assert run.returncode == 0, run.stderr
    return run.stdout
