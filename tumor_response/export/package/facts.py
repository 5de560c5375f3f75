"""What is said of a folder as a whole."""

from __future__ import annotations

import re
from typing import Any

from pydantic import field_validator

from tumor_response.settings import Settings

__all__ = ["PackageFacts"]


class PackageFacts(Settings):
    """Title, date, people and terms of a folder that is handed over.

    Parameters
    ----------
    date
        Of publication, ``"YYYY-MM-DD"``. It has to be given: the same call makes the same bytes.
    title, description
        What it is.
    licence
        A URL, or the terms in words.
    creators
        Names of people or institutions.
    keywords
        Any.
    provenance
        What else is known of how it was made, as text: ``{"settings": "sha256 ..."}``.

    Raises
    ------
    SettingsError
        For a date that is none, and what :class:`~tumor_response.settings.Settings` refuses.

    Examples
    --------
    >>> PackageFacts(date="2026-11-30").licence
    'Not licensed for further use: ask who sent it.'
    """

    date: str
    title: str = "Features and outcomes of a tumour cohort"
    description: str = (
        "Feature table, outcomes, resamples and scores of a study of tumour shrinkage, with a "
        "codebook and scripts that recompute its headline. For research; not a medical device."
    )
    licence: str = "Not licensed for further use: ask who sent it."
    creators: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ("radiomics", "radiotherapy", "tumour shrinkage")
    provenance: dict[str, str] = {}

    @field_validator("date")
    @classmethod
    def _is_date(cls, date: Any) -> Any:
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", date):
            raise ValueError(f"{date!r} is no date; expected YYYY-MM-DD")
        return date
