"""``ro-crate-metadata.json``: the folder as a research object (RO-Crate 1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from tumor_response._version import __version__
from tumor_response.export.package.contents import SUMS, Content
from tumor_response.export.package.facts import PackageFacts

__all__ = ["CRATE", "research_object"]

CRATE = "ro-crate-metadata.json"

_CONTEXT = "https://w3id.org/ro/crate/1.1/context"
_SOFTWARE = "#tumor_response"
_DESCRIPTIONS = {
    "codebook.html": "What every column is, to be read in a browser.",
    "codebook.md": "What every column is, as Markdown.",
    "codebook.csv": "What every column is, as a table.",
    "recompute.R": "R script that recomputes the headline AUC and its interval from these files.",
    "recompute.do": "Stata do-file that recomputes the headline AUC and its interval.",
    "datapackage.json": "Frictionless metadata: schemas and sums of all files.",
    SUMS: "SHA-256 of every file.",
}


def research_object(
    contents: Sequence[Content], descriptions: dict[str, str], facts: PackageFacts
) -> dict[str, Any]:
    """Return the metadata as flattened JSON-LD.

    Parameters
    ----------
    contents
        Every file but this one.
    descriptions
        File name -> what it is, where the usual words do not say it.
    facts
        Of the whole.

    Notes
    -----
    Sefton et al., RO-Crate Metadata Specification 1.1 (https://w3id.org/ro/crate/1.1). ``sha256``
    is schema.org's, which that version's context does not name, so the file defines it.
    """
    files = [_file(content, {**_DESCRIPTIONS, **descriptions}) for content in contents]
    files.append({"@id": SUMS, "@type": "File", "name": SUMS, "description": _DESCRIPTIONS[SUMS]})
    parts = [{"@id": file["@id"]} for file in files]
    creators = [
        {"@id": f"#creator-{number}", "@type": "Person", "name": name}
        for number, name in enumerate(facts.creators, 1)
    ]
    root: dict[str, Any] = {
        "@id": "./",
        "@type": "Dataset",
        "name": facts.title,
        "description": facts.description,
        "datePublished": facts.date,
        "license": facts.licence,
        "keywords": ", ".join(facts.keywords),
        "hasPart": parts,
    }
    if creators:
        root["creator"] = [{"@id": creator["@id"]} for creator in creators]
    return {
        "@context": [_CONTEXT, {"sha256": "https://schema.org/sha256"}],
        "@graph": [
            {
                "@id": CRATE,
                "@type": "CreativeWork",
                "about": {"@id": "./"},
                "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
            },
            root,
            *files,
            {
                "@id": _SOFTWARE,
                "@type": "SoftwareApplication",
                "name": "tumor_response",
                "softwareVersion": __version__,
            },
            {
                "@id": "#made",
                "@type": "CreateAction",
                "name": "Export of the folder",
                "endTime": facts.date,
                "instrument": {"@id": _SOFTWARE},
                "result": {"@id": "./"},
                "description": "; ".join(f"{k}: {v}" for k, v in facts.provenance.items())
                or "Made by tumor_response.export_bundle.",
            },
            *creators,
        ],
    }


def _file(content: Content, descriptions: dict[str, str]) -> dict[str, Any]:
    file: dict[str, Any] = {
        "@id": quote(content.name),
        "@type": "File",
        "name": content.name,
        "encodingFormat": content.media_type,
        "contentSize": str(content.n_bytes),
        "sha256": content.sha256,
    }
    if content.name in descriptions:
        file["description"] = descriptions[content.name]
    return file
