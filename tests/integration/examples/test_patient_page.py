"""The example that writes pages for a tumour board."""

from __future__ import annotations

from pathlib import Path

from tests.integration.examples.running import output_of


def test_patient_page(tmp_path: Path) -> None:
    said = output_of("10_patient_page.py", tmp_path, "--patients", 24, "--resamples", 2)
    assert "<PatientPages: 6 pages, 1 of them refused, 0 failed>" in said
    for folder, similar in (("pages", False), ("pages_with_similar", True)):
        pages = [path.read_text() for path in (tmp_path / folder).glob("P-*.html")]
        assert len(pages) == 6
        assert sum("The contour is empty." in page for page in pages) == 1
        assert not any(f"P{i:04d}" in page for page in pages for i in range(1, 25))
        assert any("what became of the tumour" in page for page in pages) == similar
