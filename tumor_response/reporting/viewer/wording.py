"""What stands beside the maps: what they are, what they cannot say, which were chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from tumor_response.explanation.attention import AttentionMaps
from tumor_response.reporting.viewer.settings import ViewerSettings

__all__ = ["CAVEAT", "about", "choice", "meaning"]

CAVEAT = (
    "A map shows where in the picture this model's number comes from; it cannot show that the "
    "number is right, that the tumour shrinks there, or what would happen if the tissue were "
    "different."
)

_MODES = {
    "out_of_bag": "Each map is a mean over the models that had not seen its patient.",
    "in_sample": "The model had seen these patients when it was fitted.",
    "new_rows": "The model had not seen these lesions when it was fitted.",
}
_SIGNS = {
    "positive": "0 is transparent; the further from 0, the more the voxel raises the log-odds of "
    "response.",
    "negative": "0 is transparent; the further from 0, the more the voxel lowers the log-odds of "
    "response.",
    "both": "0 is transparent; above 0 the voxel raises the log-odds of response, below 0 it "
    "lowers them.",
}
_BLIND = ("eigen_cam", "attention_rollout")
_CONTROL = (
    "0 is transparent. This method knows no prediction: it is a control, the same whatever is "
    "predicted."
)
_MASKED = {
    "tumour": "The network was shown the tumour alone, so it could not look elsewhere.",
    "context": "The network was shown everything but the tumour, so it could not look inside.",
}


def meaning(maps: AttentionMaps) -> str:
    """Return what a value of the map means."""
    if maps.method in _BLIND:
        return _CONTROL
    given = maps.provenance.get("settings")
    sign = given.get("sign") if isinstance(given, Mapping) else None
    return _SIGNS.get(str(sign), _SIGNS["both"] if maps.signed else "0 is transparent.")


def about(maps: AttentionMaps) -> list[str]:
    """Return what the maps are of, and what they cannot say."""
    said = [
        _MODES[maps.mode],
        meaning(maps),
        _MASKED.get(maps.views.masking, ""),
    ]
    return [" ".join(one for one in said if one), CAVEAT]


def choice(
    n_maps: int,
    n_shown: int,
    unread: Sequence[str],
    failed: Sequence[str],
    settings: ViewerSettings,
) -> str:
    """Return which lesions are on the page, by which rule, and why others are not.

    Examples
    --------
    >>> choice(3, 3, [], ["no_tumour"], ViewerSettings())
    'All 3 lesions with a map are shown. 1 lesion has no map (no_tumour: 1).'
    """
    drawn = n_shown + len(unread)
    if drawn < n_maps:
        said = (
            f"{drawn} of {n_maps} lesions with a map were drawn by chance (seed {settings.seed}), "
            "none by its look."
        )
    else:
        said = f"All {_lesions(n_maps)} with a map are shown." if not unread else ""
    if unread:
        said += f" Of {_lesions(drawn)} {len(unread)} could not be read ({_counted(unread)})."
    if failed:
        has = "has" if len(failed) == 1 else "have"
        said += f" {_lesions(len(failed))} {has} no map ({_counted(failed)})."
    return said.strip()


def _lesions(n: int) -> str:
    return f"{n} lesion" if n == 1 else f"{n} lesions"


def _counted(reasons: Sequence[str]) -> str:
    return ", ".join(f"{reason}: {n}" for reason, n in sorted(Counter(reasons).items()))
