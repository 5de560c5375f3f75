"""How a series was made, as far as it decides what features mean: no word about the patient."""

from __future__ import annotations

from pydicom.dataset import Dataset

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.files import number, text

__all__ = ["ACQUISITION_TAGS", "acquisition_facts"]

_TEXTS = {
    "modality": "Modality",
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "kernel": "ConvolutionKernel",
}
_NUMBERS = {"kvp_kv": "KVP", "slice_thickness_mm": "SliceThickness"}

ACQUISITION_TAGS = (*_TEXTS.values(), *_NUMBERS.values(), "ContrastBolusAgent")
"""What :func:`acquisition_facts` looks at."""


def acquisition_facts(header: Dataset) -> dict[str, str | float]:
    """Return kernel, kVp, contrast, maker and nominal slice thickness, where they are given.

    Whether a contrast agent was given is told as ``"yes"`` or ``"no"`` for CT and MR; its name is
    free text and stays where it is.

    Parameters
    ----------
    header
        Of any slice.

    Examples
    --------
    >>> from pydicom.dataset import Dataset
    >>> header = Dataset(); header.Modality = "CT"; header.KVP = "120"
    >>> acquisition_facts(header)
    {'modality': 'CT', 'kvp_kv': 120.0, 'contrast': 'no'}
    """
    facts: dict[str, str | float] = {}
    for name, keyword in _TEXTS.items():
        if value := text(header, keyword):
            facts[name] = value
    for name, keyword in _NUMBERS.items():
        try:
            found = number(header, keyword)
        except CaseError:
            found = None  # a fact less; nothing is computed from it
        if found is not None:
            facts[name] = found
    if facts.get("modality") in ("CT", "MR"):
        facts["contrast"] = "yes" if text(header, "ContrastBolusAgent") else "no"
    return facts
