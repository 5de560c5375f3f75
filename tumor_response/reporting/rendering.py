"""From a template to a page: escaped, with a policy that names every script it may run."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

import jinja2

__all__ = ["Script", "rendered", "script", "write_whole"]

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Script:
    """A script of the package, and the hash by which a content security policy allows it."""

    text: str

    @property
    def hash(self) -> str:
        """SHA-256 in base64, as a policy wants it."""
        return base64.b64encode(hashlib.sha256(self.text.encode("utf-8")).digest()).decode("ascii")


def script(name: str) -> Script:
    """Return a script that lies beside the templates."""
    return Script((_TEMPLATES / name).read_text(encoding="utf-8"))


def rendered(template: str, **what: object) -> str:
    """Return a page; whatever comes from files is text in it, never mark-up."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    return environment.get_template(template).render(css=css, **what)


def write_whole(path: Path, text: str) -> None:
    """Write under another name and rename, so that a reader never meets half a page."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
