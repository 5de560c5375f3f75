"""What the columns of an outcome table are: words, formula, unit."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["END_POINTS", "Definition"]


@dataclass(frozen=True)
class Definition:
    """What a column is.

    Parameters
    ----------
    description
        One sentence.
    formula
        In the symbols V0 and V1 (volumes in cc), t (days), f (fractions), D (gray); ``""`` for
        what is measured or given.
    unit
        ``""`` for none.
    """

    description: str
    formula: str = ""
    unit: str = ""


_AMOUNTS = {
    "day": ("day", "t", "1/day"),
    "fraction": ("fraction", "f", "1/fraction"),
    "gy": ("gray", "D", "1/Gy"),
}


def _rates() -> dict[str, Definition]:
    found = {}
    for name, (word, symbol, per) in _AMOUNTS.items():
        found[f"sgr_per_{name}"] = Definition(
            f"Specific growth rate per {word}; negative where the lesion shrank.",
            f"ln(V1 / V0) / {symbol}",
            per,
        )
        found[f"rate_percent_per_{name}"] = Definition(
            f"Shrinkage in per cent of the baseline volume per {word}; positive where the lesion "
            "shrank.",
            f"100 (V0 − V1) / (V0 {symbol})",
            f"%{per.removeprefix('1')}",
        )
        found[f"rate_cc_per_{name}"] = Definition(
            f"Volume lost per {word}; positive where the lesion shrank.",
            f"(V0 − V1) / {symbol}",
            f"cc{per.removeprefix('1')}",
        )
    return found


END_POINTS: dict[str, Definition] = {
    "volume_baseline_cc": Definition("Volume of the baseline contour.", "V0", "cc"),
    "volume_follow_up_cc": Definition("Volume of the follow-up contour.", "V1", "cc"),
    "interval_days": Definition("Days from the baseline to the follow-up scan.", "", "days"),
    "treatment_days": Definition("Days from the first fraction to the follow-up scan.", "", "days"),
    "fractions": Definition("Fractions delivered by the follow-up scan.", "f", "fractions"),
    "dose_gy": Definition("Dose delivered by the follow-up scan.", "D", "Gy"),
    "equivalent_diameter_baseline_mm": Definition(
        "Diameter of the sphere of the baseline volume.", "(6000 V0 / π)^(1/3)", "mm"
    ),
    "equivalent_diameter_follow_up_mm": Definition(
        "Diameter of the sphere of the follow-up volume.", "(6000 V1 / π)^(1/3)", "mm"
    ),
    "volume_change_cc": Definition(
        "Change of volume; negative where the lesion shrank.", "V1 − V0", "cc"
    ),
    "volume_change_percent": Definition(
        "Change of volume in per cent of the baseline; negative where the lesion shrank.",
        "100 (V1 − V0) / V0",
        "%",
    ),
    "log_volume_ratio": Definition(
        "Natural logarithm of the volumes' ratio; negative where the lesion shrank.",
        "ln(V1 / V0)",
    ),
    "shrinkage_percent": Definition(
        "Shrinkage in per cent of the baseline volume; positive where the lesion shrank.",
        "100 (V0 − V1) / V0",
        "%",
    ),
    **_rates(),
    "dose_source": Definition(
        "Where the dose is from: the manifest, the plan, or empty where it is not known."
    ),
    "reason": Definition("Why end points of this row are missing; empty if none is."),
    "findings": Definition(
        "Codes of what the checks of the follow-up noticed and did not stop, with spaces between."
    ),
    "follow_up_status": Definition("What was declared of the follow-up, as in the manifest."),
    "response": Definition(
        "1: shrank strictly more than the cut; 0: did not; missing: no end point."
    ),
}
"""Column of :func:`tumor_response.shrinkage` (and ``response``) -> what it is."""
