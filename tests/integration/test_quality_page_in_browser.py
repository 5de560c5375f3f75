"""The page of ``tr.check`` in a real browser: nothing complains, nothing leaves, nothing is cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.quality import faults
from tumor_response.quality import QualitySettings, check

pytestmark = pytest.mark.needs("chromium")

HOSTILE = "</p><script>console.error(1)</script><img src=x onerror=console.error(2)>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quality")
    first, second = faults.row(folder, "P1", 1), faults.row(folder, "P2", 2)
    rows = [
        first | {"patient_id": HOSTILE, "site": HOSTILE},
        first | {"patient_id": "a_name_without_a_place_to_break_" * 4},
        second | {"follow_up_image": None, "follow_up_mask": None},
    ]
    check(faults.cohort(rows), QualitySettings(min_volume_cc=50), html=folder / "page.html")
    return folder / "page.html"


@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desktop"])
def test_the_page_stays_quiet(visit, page: Path, width: int) -> None:
    seen = visit(page, width=width)
    assert seen.complaints == []
    assert seen.requests == []
    assert seen.broken_images == 0
    assert seen.scroll_width <= width


def test_the_page_shuts_nobody_out(faults, page: Path) -> None:
    assert faults(page) == []
