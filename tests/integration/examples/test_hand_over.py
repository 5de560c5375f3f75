"""The example that hands a study over to a statistician."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.examples.running import output_of
from tumor_response.export import verify


@pytest.mark.needs("r")
def test_hand_over(tmp_path: Path) -> None:
    small = ["--patients", 10, "--resamples", 4, "--n-jobs", 1]
    said = output_of("08_hand_over.py", tmp_path, *small)
    assert "as it was sent" in said
    apart = re.search(r"largest difference of an upper limit: (\S+)", said)
    assert apart is not None
    assert float(apart[1]) < 1e-8
    assert verify(tmp_path / "bundle").ok
    assert not list((tmp_path / "bundle").glob("*.key"))
