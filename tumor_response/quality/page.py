"""The findings as one page: what to look at first, and every contour on its image."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from tumor_response._version import __version__
from tumor_response.imaging import Severity
from tumor_response.imaging.thumbnail import VIEW_PIXELS
from tumor_response.quality.cohort_wide import Located, TimePoint
from tumor_response.quality.settings import QualitySettings

__all__ = ["write_page"]

_TEMPLATES = Path(__file__).parent / "templates"

Key = tuple[str, str]

RANK: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class _Shown:
    """One time point of a lesion: its picture, if it could be read, and its findings."""

    name: str
    picture: str
    findings: Sequence[Located]


@dataclass(frozen=True)
class _Lesion:
    """A lesion's card; ``worst`` is its worst severity, or ``"clean"``."""

    title: str
    anchor: str
    worst: str
    shown: Sequence[_Shown]


def write_page(
    path: Path,
    found: Sequence[Located],
    pictures: Mapping[Key, Mapping[TimePoint, bytes]],
    settings: QualitySettings,
) -> None:
    """Write the page; it is complete or not there.

    Parameters
    ----------
    path
        The file; its folder is made.
    found
        All findings, in the table's order.
    pictures
        Of all lesions in cohort order, by time point; one without any was not readable.
    settings
        The limits, which the page lists.
    """
    lesions = [_lesion(number, key, of, found) for number, (key, of) in enumerate(pictures.items())]
    worst = Counter(lesion.worst for lesion in lesions)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,  # names from files are text, never mark-up
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("quality.html.jinja").render(
        version=__version__,
        lesions=lesions,
        worst=worst,
        of_cohort=[one.finding for one in found if one.time_point == "cohort"],
        codes=_codes(found),
        limits=settings.model_dump(mode="json"),
        width=3 * VIEW_PIXELS + 8,
        height=VIEW_PIXELS,
        css=(_TEMPLATES / "quality.css").read_text(encoding="utf-8"),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _lesion(
    number: int, key: Key, pictures: Mapping[TimePoint, bytes], found: Sequence[Located]
) -> _Lesion:
    own = [one for one in found if (one.patient_id, one.lesion_id) == key]
    shown = []
    names: tuple[tuple[TimePoint, str], ...] = (
        ("baseline", "Baseline"),
        ("follow_up", "Follow-up"),
    )
    for time_point, name in names:
        findings = [one for one in own if one.time_point == time_point]
        picture = pictures.get(time_point)
        if findings or picture or time_point == "baseline":
            source = "" if picture is None else base64.b64encode(picture).decode()
            shown.append(_Shown(name, source, findings))
    severities = {one.finding.severity for one in own}
    worst = next((severity for severity in RANK if severity in severities), "clean")
    return _Lesion(f"{key[0]}, lesion {key[1]}", f"lesion-{number}", worst, shown)


def _codes(found: Sequence[Located]) -> list[tuple[str, Severity, int, int]]:
    """Return code, worst severity, and on how many baselines and follow-ups, gravest first."""
    severity: dict[str, Severity] = {}
    lesions: dict[tuple[str, TimePoint], set[Key]] = {}
    for one in found:
        if one.time_point == "cohort":
            continue
        code = one.finding.code
        known = severity.get(code, one.finding.severity)
        severity[code] = min(known, one.finding.severity, key=RANK.index)
        lesions.setdefault((code, one.time_point), set()).add((one.patient_id, one.lesion_id))

    def count(code: str, time_point: TimePoint) -> int:
        return len(lesions.get((code, time_point), ()))

    listed = [
        (code, of, count(code, "baseline"), count(code, "follow_up"))
        for code, of in severity.items()
    ]
    return sorted(listed, key=lambda row: (RANK.index(row[1]), -row[2] - row[3], row[0]))
