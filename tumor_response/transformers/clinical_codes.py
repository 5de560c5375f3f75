"""How clinical factors are written: the columns' usual names, and the codes inside."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from tumor_response.exceptions import ModelError

__all__ = ["FACTORS", "Factor", "bare_name", "decoded"]


class Factor(NamedTuple):
    """A factor of the clinical set.

    Attributes
    ----------
    name
        What it is called in the set.
    kind
        ``"log"``, ``"number"``, ``"dose"``, ``"stage"``, ``"binary"`` or ``"levels"``.
    spellings
        Bare names of columns that hold it.
    codes
        What may stand in a column of this factor, for messages.
    """

    name: str
    kind: str
    spellings: frozenset[str]
    codes: str


def _factor(name: str, kind: str, spellings: str, codes: str) -> Factor:
    return Factor(name, kind, frozenset(spellings.split()), codes)


FACTORS: tuple[Factor, ...] = (
    _factor(
        "volume",
        "log",
        "volume volume_cc volume_cm3 volume_ml gtv_volume_cc gtvp_volume_cc gtv_cc gtv_volume "
        "tumor_volume tumor_volume_cc tumour_volume tumour_volume_cc volume_baseline_cc",
        "positive numbers",
    ),
    _factor(
        "age",
        "number",
        "age age_years patient_age age_at_diagnosis age_at_treatment age_at_scan",
        "numbers",
    ),
    _factor(
        "t_stage",
        "stage",
        "t ct t_stage ct_stage tstage t_category ct_category clinical_t clinical_t_stage "
        "t_classification uicc_t",
        "T0 to T4 with letters (T4a), Tis, 0 to 4, with or without c; Tx is unknown",
    ),
    _factor(
        "n_stage",
        "stage",
        "n cn n_stage cn_stage nstage n_category cn_category clinical_n clinical_n_stage "
        "n_classification uicc_n",
        "N0 to N3 with letters (N2b), 0 to 3, with or without c; Nx is unknown",
    ),
    _factor(
        "site",
        "levels",
        "site subsite tumor_site tumour_site primary_site tumor_location tumour_location "
        "primary_tumor_site primary_tumour_site localisation localization",
        "any categories",
    ),
    _factor(
        "hpv",
        "binary",
        "hpv p16 hpv_status p16_status hpv_p16 hpv_p16_status p16_hpv hpv_positive p16_positive",
        "positive, negative, yes, no, 1, 0; unknown and not tested are unknown",
    ),
    _factor(
        "chemotherapy",
        "binary",
        "chemo chemotherapy concurrent_chemo concurrent_chemotherapy concomitant_chemotherapy "
        "chemoradiotherapy chemoradiation crt ccrt",
        "yes, no, 1, 0; unknown is unknown",
    ),
    _factor(
        "dose_gy",
        "dose",
        "dose_gy planned_dose planned_dose_gy prescribed_dose prescribed_dose_gy "
        "prescription_dose prescription_dose_gy total_prescribed_dose_gy",
        "Gy",
    ),
)
"""What the named clinical set consists of, in its order."""

_YES = frozenset(["1", "yes", "y", "true", "positive", "pos", "+", "p16+", "hpv+"])
_NO = frozenset(["0", "no", "n", "false", "negative", "neg", "-", "none", "p16-", "hpv-"])
_UNKNOWN = frozenset(
    ["", "x", "?", "unknown", "unk", "na", "n/a", "nan", "missing", "not tested", "not done", "nd"]
)
_STAGE = re.compile(r"[cu]?([tn]?)(is|[0-4])[a-d]?(?:\(m\))?")
_LARGEST_DOSE_GY = 150.0


def bare_name(column: str) -> str:
    """Return a column's name without its block, in lower case, words joined by underscores.

    Examples
    --------
    >>> bare_name("clinical__HPV status"), bare_name("clinical__cT")
    ('hpv_status', 'ct')
    """
    return re.sub(r"[^0-9a-z]+", "_", column.split("__")[-1].lower()).strip("_")


def decoded(factor: Factor, column: pd.Series) -> pd.Series:
    """Return a column's codes as numbers, or as text for levels; unknown ones are missing.

    Raises
    ------
    ModelError
        Code ``unknown_code``: something that is not one of the factor's codes; ``dose_unit``: a
        dose that cannot be Gy; ``not_positive``: a volume of zero or less.

    Examples
    --------
    >>> stages = pd.Series(["cT4a", "T2", "Tx", 3.0], dtype=object)
    >>> decoded(FACTORS[2], stages).tolist()
    [4.0, 2.0, nan, 3.0]
    """
    given = column.astype(object)
    if factor.kind == "levels":
        return given.map(lambda code: None if _is_unknown(code) else _text(code))
    read: Callable[[object], float | None] = {"stage": _stage(factor.name), "binary": _binary}.get(
        factor.kind, _number
    )
    numbers = [np.nan if _is_unknown(code) else read(code) for code in given]
    wrong = [code for code, number in zip(given, numbers, strict=True) if number is None]
    if wrong:
        shown = ", ".join(repr(code) for code in list(dict.fromkeys(map(str, wrong)))[:5])
        raise ModelError(
            f"ClinicalSet: column {str(column.name)!r} ({factor.name}) holds {shown}, which it "
            f"cannot read; expected {factor.codes}. Recode the column, or leave it out: "
            f"columns={{{factor.name!r}: None}}.",
            code="unknown_code",
        )
    values = pd.Series(np.array(numbers, dtype=np.float64), index=column.index, name=column.name)
    _check_range(factor, values)
    return values


def _check_range(factor: Factor, values: pd.Series) -> None:
    if factor.kind == "log" and (values <= 0).any():
        raise ModelError(
            f"ClinicalSet: column {str(values.name)!r} has volumes of zero or less, the first at "
            f"index {values.index[(values <= 0).to_numpy()][0]!r}; its logarithm is used.",
            code="not_positive",
        )
    if factor.kind == "dose" and ((values < 0) | (values > _LARGEST_DOSE_GY)).any():
        raise ModelError(
            f"ClinicalSet: column {str(values.name)!r} holds doses up to {values.max():g}; "
            f"expected Gy, 0 to {_LARGEST_DOSE_GY:g}. Divide cGy by 100.",
            code="dose_unit",
        )


def _is_unknown(code: object) -> bool:
    if code is None or code is pd.NA or (isinstance(code, float) and np.isnan(code)):
        return True
    return isinstance(code, str) and code.strip().lower() in _UNKNOWN


def _text(code: object) -> str:
    """Return a code as text, a number in its shortest form: 1, 1.0, True and "1.0" are "1"."""
    number = _number(code)
    return str(code).strip() if number is None else f"{number:g}"


def _number(code: object) -> float | None:
    try:
        number = float(code)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _binary(code: object) -> float | None:
    text = _text(code).lower()
    return 1.0 if text in _YES else 0.0 if text in _NO else None


def _stage(name: str) -> Callable[[object], float | None]:
    letter, largest = name[0], 4.0 if name[0] == "t" else 3.0

    def read(code: object) -> float | None:
        text = _text(code).lower().replace(" ", "")
        if re.fullmatch(rf"[cu]?{letter}x", text):
            return float(np.nan)
        found = _STAGE.fullmatch(text)
        if found is None or found[1] not in ("", letter):
            return None
        if found[2] == "is":
            return 0.0 if letter == "t" else None
        return float(found[2]) if float(found[2]) <= largest else None

    return read
