"""The folder's metadata: read and checked by frictionless and rocrate, and by plain hashing."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from frictionless import Package, system
from rocrate.rocrate import ROCrate

from tumor_response.exceptions import BundleError, SettingsError
from tumor_response.export.package import PackageFacts, write_package
from tumor_response.formats import Sheet, Variable

FACTS = PackageFacts(
    date="2026-11-30", title="Ein Köfferchen", creators=("Ada Lovelace",), provenance={"seed": "7"}
)


@pytest.fixture(autouse=True)
def trusted() -> Iterator[None]:
    """Let frictionless follow the absolute path of a temporary folder."""
    with system.use_context(trusted=True):
        yield


def sheets() -> list[Sheet]:
    keys = {"patient_id": ["P 1", "P,2", 'P"3'], "lesion_id": ["1", "1", "2"]}
    features = pd.DataFrame(
        keys
        | {
            "x__ä": [0.1, np.nan, 1e-300],
            "x__n": np.array([1, 2, 3], dtype="int64"),
            "x__sex": ["f", None, "m"],
        }
    )
    outcomes = pd.DataFrame(keys | {"response": [0.0, 1.0, np.nan], "reason": ["", "", "lost"]})
    named = [Variable("patient_id", "Pseudonym", "text"), Variable("lesion_id", "Lesion", "text")]
    return [
        Sheet(
            *("features", "All features", features),
            (
                *named,
                Variable("x__ä", "A length (mm)", "number", unit="mm"),
                Variable("x__n", "A count", "number"),
                Variable("x__sex", "Sex", "category", levels=("f", "m")),
            ),
        ),
        Sheet(
            *("outcomes", "End points", outcomes),
            (
                *named,
                Variable("response", "Label", "number", value_labels={0: "less", 1: "more"}),
                Variable("reason", "Why", "text"),
            ),
        ),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for sheet in sheets():
        sheet.frame.to_csv(tmp_path / f"{sheet.name}.csv", index=False)
        sheet.frame.to_parquet(tmp_path / f"{sheet.name}.parquet", index=False)
        sheet.frame.to_excel(tmp_path / f"{sheet.name}.xlsx", index=False)
    (tmp_path / "cohort_flow.csv").write_text("reason,n\nall,3\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("# Here\n", encoding="utf-8")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "a plot.png").write_bytes(b"\x89PNG")
    return tmp_path


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_frictionless_finds_nothing_wrong(folder: Path) -> None:
    write_package(folder, sheets(), files_of(folder), FACTS)
    package = Package(str(folder / "datapackage.json"))
    report = package.validate()
    assert report.valid, report.flatten(["title", "note"])
    assert len(package.resources) == 9
    features = package.get_resource("features.csv")
    assert [field.type for field in features.schema.fields] == [
        *("string", "string", "number", "integer", "string")
    ]
    assert features.schema.primary_key == ["patient_id", "lesion_id"]
    rows = features.read_rows()
    assert [row["patient_id"] for row in rows] == ["P 1", "P,2", 'P"3']
    assert rows[1]["x__ä"] is None
    outcomes = package.get_resource("outcomes.csv").schema.to_descriptor()
    assert outcomes["foreignKeys"][0]["reference"]["resource"] == "features.csv"
    assert outcomes["fields"][2]["value_labels"] == {"0": "less", "1": "more"}


FAULTS = {
    "a number that is none": ("features.csv", "0.1", "zero"),
    "another number": ("features.csv", "0.1", "0.2"),
    "a level nobody declared": ("features.csv", ",f\n", ",x\n"),
    "another lesion": ("outcomes.csv", "P 1", "P 9"),
    "another word": ("README.md", "Here", "Gone"),
    "a lost cell": ("cohort_flow.csv", ",3", ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_frictionless_finds_what_was_changed(folder: Path, fault: str) -> None:
    write_package(folder, sheets(), files_of(folder), FACTS)
    name, before, after = FAULTS[fault]
    text = (folder / name).read_text(encoding="utf-8")
    assert before in text
    (folder / name).write_text(text.replace(before, after, 1), encoding="utf-8")
    assert not Package(str(folder / "datapackage.json")).validate().valid


def test_schemas_hold_the_values_even_without_the_sums(folder: Path) -> None:
    """With sums and sizes taken away, the types, levels and keys alone find their faults."""
    write_package(folder, sheets(), files_of(folder), FACTS)
    described = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    for resource in described["resources"]:
        del resource["hash"], resource["bytes"]
    found = {}
    for fault in ("a number that is none", "a level nobody declared", "another lesion"):
        name, before, after = FAULTS[fault]
        whole = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(whole.replace(before, after, 1), encoding="utf-8")
        report = Package.from_descriptor(described, basepath=str(folder)).validate()
        found[fault] = {kind for (kind,) in report.flatten(["type"])}
        (folder / name).write_text(whole, encoding="utf-8")
    assert found == {
        "a number that is none": {"type-error"},
        "a level nobody declared": {"constraint-error"},
        "another lesion": {"foreign-key"},
    }


def test_rocrate_reads_the_folder(folder: Path) -> None:
    words = {"README.md": "Read me"}
    write_package(folder, sheets(), files_of(folder), FACTS, descriptions=words)
    crate = ROCrate(str(folder))
    assert crate.name == "Ein Köfferchen"
    assert str(crate.datePublished)[:10] == "2026-11-30"
    assert crate.root_dataset["creator"][0]["name"] == "Ada Lovelace"
    found = {entity.id: entity for entity in crate.data_entities}
    there = {p.relative_to(folder).as_posix() for p in files_of(folder)}
    there.remove("ro-crate-metadata.json")
    assert {one.replace("%20", " ") for one in found} == there
    plot = found["figures/a%20plot.png"]
    assert plot["sha256"] == hashlib.sha256(b"\x89PNG").hexdigest()
    assert plot["contentSize"] == "4"
    assert found["features.parquet"]["description"] == "All features"
    assert found["README.md"]["description"] == "Read me"
    assert plot["encodingFormat"] == "image/png"
    (action,) = [e for e in crate.contextual_entities if e.type == "CreateAction"]
    assert action["instrument"]["name"] == "tumor_response"


def test_every_reference_in_the_crate_leads_somewhere(folder: Path) -> None:
    write_package(folder, sheets(), files_of(folder), FACTS)
    graph = json.loads((folder / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
    assert graph[0]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    known = [entity["@id"] for entity in graph]
    assert len(known) == len(set(known))

    def references(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            if set(value) == {"@id"}:
                yield value["@id"]
            for inner in value.values():
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    led_to = {r for entity in graph for r in references(list(entity.values()))}
    assert {r for r in led_to if not r.startswith("https://w3id.org")} <= set(known)


def test_sha256sum_agrees(folder: Path) -> None:
    write_package(folder, sheets(), files_of(folder), FACTS)
    told = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True
    )
    assert told.returncode == 0, told.stdout
    lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(files_of(folder)) - 1


def test_the_same_folder_gets_the_same_bytes(folder: Path) -> None:
    first = [p.read_bytes() for p in write_package(folder, sheets(), files_of(folder), FACTS)]
    again = [p.read_bytes() for p in write_package(folder, sheets(), files_of(folder), FACTS)]
    assert first == again


def test_a_file_nobody_named_is_not_sent(folder: Path) -> None:
    meant = files_of(folder)
    (folder / "pseudonyms.key").write_text("ab" * 32, encoding="utf-8")
    with pytest.raises(BundleError, match=r"not named: pseudonyms\.key") as caught:
        write_package(folder, sheets(), meant, FACTS)
    assert caught.value.code == "bundle_files"
    (folder / "pseudonyms.key").unlink()
    with pytest.raises(BundleError, match=r"named, but not there: lost\.csv"):
        write_package(folder, sheets(), [*meant, folder / "lost.csv"], FACTS)
    with pytest.raises(BundleError, match="outside"):
        write_package(folder, sheets(), [*meant, folder.parent / "elsewhere.csv"], FACTS)
    assert not (folder / "SHA256SUMS").exists()


def test_a_link_is_not_sent(folder: Path) -> None:
    (folder / "link.csv").symlink_to(folder / "features.csv")
    with pytest.raises(BundleError, match="no plain file") as caught:
        write_package(folder, sheets(), files_of(folder), FACTS)
    assert caught.value.code == "bundle_unsafe"


@pytest.mark.parametrize("date", ["", "30.11.2026", "2026-13-01", "2026-02-32"])
def test_what_is_no_date_is_refused(date: str) -> None:
    with pytest.raises(SettingsError, match="expected YYYY-MM-DD"):
        PackageFacts(date=date)


def test_names_of_columns_may_differ_in_the_file(folder: Path) -> None:
    """The header of the file counts; the library's name stays beside it."""
    text = (folder / "features.csv").read_text(encoding="utf-8").replace("x__ä", "x__a", 1)
    (folder / "features.csv").write_text(text, encoding="utf-8")
    write_package(folder, sheets(), files_of(folder), FACTS)
    package = Package(str(folder / "datapackage.json"))
    assert package.validate().valid
    field = package.get_resource("features.csv").schema.fields[2].to_descriptor()
    assert (field["name"], field["column"], field["unit"]) == ("x__a", "x__ä", "mm")
