"""Whether fractions and dose delivered by the follow-up can be what their columns say."""

from __future__ import annotations

__all__ = ["SMALL_FRACTION_GY", "delivered_faults"]

MOST_FRACTIONS = 100
MOST_GY = 150.0
FRACTION_GY = (0.4, 35.0)
"""Of one fraction: from low-dose treatment of lymphoma in parts to one fraction of stereotactic
radiotherapy (34 Gy; Videtic et al. 2015). Outside, columns were swapped or a unit is another."""

SMALL_FRACTION_GY = 1.0
"""Of one fraction: below it there are a few schedules, and every usual one with its columns
swapped: 15 fractions and 30 Gy become 30 fractions of 0.5 Gy."""


def delivered_faults(fractions: float | None, dose_gy: float | None) -> list[str]:
    """Return what cannot be true of the two columns of a manifest, with the likely reason.

    Parameters
    ----------
    fractions, dose_gy
        ``fractions_at_follow_up`` and ``dose_gy_at_follow_up``; ``None`` where not given.

    Examples
    --------
    >>> delivered_faults(15.0, 30.0)
    []
    >>> delivered_faults(15.0, 3000.0)
    ['dose_gy_at_follow_up 3000 is more than 150 Gy; is it in cGy? Give Gy']
    """
    faults = []
    if fractions is not None and not (fractions >= 0 and float(fractions).is_integer()):
        faults.append(
            f"fractions_at_follow_up {fractions:g} is no whole number from 0; is it a dose?"
        )
    elif fractions is not None and fractions > MOST_FRACTIONS:
        faults.append(
            f"fractions_at_follow_up {fractions:g} is more than {MOST_FRACTIONS}; is it a dose?"
        )
    if dose_gy is not None and dose_gy < 0:
        faults.append(f"dose_gy_at_follow_up {dose_gy:g} is negative")
    elif dose_gy is not None and dose_gy > MOST_GY:
        faults.append(
            f"dose_gy_at_follow_up {dose_gy:g} is more than {MOST_GY:g} Gy; is it in cGy? Give Gy"
        )
    if faults or fractions is None or dose_gy is None:
        return faults
    if (fractions == 0) != (dose_gy == 0):
        return [
            f"fractions_at_follow_up {fractions:g} and dose_gy_at_follow_up {dose_gy:g} contradict "
            "each other"
        ]
    if fractions > 0 and not FRACTION_GY[0] <= dose_gy / fractions <= FRACTION_GY[1]:
        return [
            f"dose_gy_at_follow_up {dose_gy:g} in fractions_at_follow_up {fractions:g} would be "
            f"{dose_gy / fractions:.3g} Gy a fraction, outside {FRACTION_GY[0]:g} to "
            f"{FRACTION_GY[1]:g} Gy; are the columns swapped, or is a unit another?"
        ]
    return []
