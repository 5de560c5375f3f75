"""The documentation's table of faults says what the readers say."""

from tests.dicom_fault_page import PAGE, page


def test_page_is_what_the_faults_give() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.dicom_fault_page"
