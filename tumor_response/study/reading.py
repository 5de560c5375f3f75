"""Reading ``study.toml``: all its faults at once, each with its line and the way out."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from tumor_response.exceptions import SettingsError
from tumor_response.study.settings import SECTIONS, StudySettings

__all__ = ["FILE_NAME", "Lines", "read_settings"]

FILE_NAME = "study.toml"


def read_settings(path: str | Path) -> StudySettings:
    r"""Read the settings of a study.

    Parameters
    ----------
    path
        ``study.toml``, or the folder it lies in.

    Returns
    -------
    StudySettings

    Raises
    ------
    SettingsError
        If there is no such file, it is no TOML, or for unknown sections and keys and wrong
        values: all of them, each with file, line, key, what was received and what is expected.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "study.toml").write_text("[cohort]\nmanifest = 'm.csv'\n")
    >>> read_settings(folder).cohort.manifest
    'm.csv'
    """
    path = Path(path)
    if path.is_dir():
        path = path / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(
            f"{path}: no such file. A study is a folder with a {FILE_NAME}; make one with "
            "tumor-response init STUDY --from MANIFEST|FOLDER."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}.") from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(_no_toml(path, text, error)) from None
    lines = Lines(text)
    faults = list(_faults(values, lines))
    if not faults:
        # the sections by themselves are right; what is left is that they fit together
        sections: dict[str, Any] = {
            name: SECTIONS[name](**section) for name, section in values.items()
        }
        settings = StudySettings.model_construct(None, **sections)
        faults = [
            _Fault(lines.of(*key.split(".")), f"[{key.replace('.', '] ')}: {told}.")
            for key, told in settings.contradictions()
        ]
        if not faults:
            return StudySettings(**sections)
    faults.sort(key=lambda fault: fault.line)
    told = [f"{path}, line {fault.line}: {fault.text}" for fault in faults]
    raise SettingsError(told[0] if len(told) == 1 else "\n  ".join([f"{len(told)} faults:", *told]))


@dataclass(frozen=True)
class _Fault:
    line: int
    text: str


def _faults(values: Mapping[str, Any], lines: Lines) -> Iterator[_Fault]:
    for name, section in values.items():
        if name not in SECTIONS:
            of_section = [s for s, one in SECTIONS.items() if name in one.model_fields]
            if of_section and not isinstance(section, dict):
                way_out = f"it belongs into [{of_section[0]}]"
            else:
                way_out = _suggestion(name, list(SECTIONS))
            kind = "section" if isinstance(section, dict) else "key outside of a section"
            yield _Fault(lines.of(name), f"{name!r} is an unknown {kind}; {way_out}")
        elif not isinstance(section, dict):
            yield _Fault(
                lines.of(name), f"{name!r} is a section: write [{name}] and its keys below."
            )
        else:
            for detail in SECTIONS[name].faults(section):
                yield _fault_of(name, detail, lines)
    if "cohort" not in values:
        yield _Fault(1, "there is no section [cohort]; it names the manifest or the folder.")


def _fault_of(name: str, detail: ErrorDetails, lines: Lines) -> _Fault:
    place = [str(part) for part in detail["loc"]]
    if not place:  # of the section as a whole
        return _Fault(lines.of(name), f"[{name}]: {_message(detail)}.")
    key = place[0]
    line = lines.of(name, key)
    if detail["type"] == "extra_forbidden":
        known = list(SECTIONS[name].model_fields)
        elsewhere = [s for s, one in SECTIONS.items() if key in one.model_fields]
        way_out = f"it belongs into [{elsewhere[0]}]" if elsewhere else _suggestion(key, known)
        return _Fault(line, f"[{name}] has no key {key!r}; {way_out}")
    field = SECTIONS[name].model_fields[key]
    default = _default_of(field)
    within = f" ({'.'.join(place[1:])})" if len(place) > 1 else ""
    return _Fault(
        line,
        f"[{name}] {key}{within}: received {_shown(detail['input'])}; {_message(detail)}.{default}",
    )


def _default_of(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    return f" Default: {value!r}." if isinstance(value, bool | int | float | str) else ""


def _message(detail: ErrorDetails) -> str:
    text = detail["msg"].removeprefix("Value error, ").rstrip(".")
    text = text.replace("valid tuple", 'list, such as ["a", "b"]').replace(
        "valid dictionary", "table, such as { a = 1 }"
    )
    return re.sub(r"^Input should be (an? )?", "expected ", text)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _suggestion(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."


def _no_toml(path: Path, text: str, error: tomllib.TOMLDecodeError) -> str:
    told = str(error)
    found = re.search(r"\(at line (\d+), column \d+\)", told)
    line = int(found.group(1)) if found else len(text.splitlines())
    at = text.splitlines()[line - 1].strip() if 0 < line <= len(text.splitlines()) else ""
    reason = re.sub(r"\s*\(at .*\)$", "", told)
    if "\\" in at:
        way_out = "Write a path with backslashes in single quotes: 'C:\\data'."
    elif re.match(r"^[\w-]+\s*=\s*[A-Za-z]", at):
        way_out = 'Text stands in quotes: key = "text"; true and false are lower case.'
    else:
        way_out = "A line is key = value, with text in quotes; a section is [name]."
    return f"{path}, line {line}: this is not TOML ({reason}): {_shown(at)}. {way_out}"


class Lines:
    r"""Where the keys of a TOML text stand.

    Examples
    --------
    >>> lines = Lines("[cohort]\n# a comment\nroi = 'GTV'\n")
    >>> lines.of("cohort"), lines.of("cohort", "roi"), lines.of("cohort", "absent")
    (1, 3, 1)
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[tuple[str, ...], int] = {}
        section: tuple[str, ...] = ()
        for number, line in enumerate(text.splitlines(), start=1):
            if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line):
                section = tuple(_unquoted(part) for part in header.group(1).split("."))
                for depth in range(len(section)):
                    self._lines.setdefault(section[: depth + 1], number)
            elif key := re.match(r"\s*([\w-]+|\"[^\"]*\"|'[^']*')\s*[.=]", line):
                self._lines.setdefault((*section, _unquoted(key.group(1))), number)

    def of(self, *place: str) -> int:
        """Return the line of a key, or of the closest thing around it."""
        while place:
            if place in self._lines:
                return self._lines[place]
            place = place[:-1]
        return 1


def _unquoted(text: str) -> str:
    return text.strip().strip("\"'")
