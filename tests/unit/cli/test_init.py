"""``tumor-response init``: nothing is guessed that could leak, nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.unit import cases
from tests.unit.cli.test_cli import run
from tests.unit.cohort.test_from_dicom import cube, scan
from tumor_response.cli import app
from tumor_response.study import read_settings


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of four patients, and a folder of DICOM with two."""
    root = tmp_path_factory.mktemp("data")
    frame = cases.cohort_folder(root, 4)
    frame["sex"] = ["f", "m", "f", "m"]
    frame["note"] = "same for all"
    frame["nodes_at_follow_up"] = range(4)
    frame.to_csv(root / "manifest.csv", index=False)
    shapes = {"GTVp": cube(6.2), "Parotid_L": cube(2.2, (24, 24))}
    for name in ("P1", "P2"):
        scan(root / "dicom" / name, name, "20200101", shapes)
        scan(root / "dicom" / f"{name}b", name, "20200131", {"GTVp": cube(5.2)})
    return root


@pytest.fixture(autouse=True)
def own_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Indexes of folders go to a place of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def asked(answers: str, *arguments: object, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Run a command as on a terminal, with these lines typed."""
    runner = CliRunner()
    monkeypatch.setattr("tumor_response.cli.commands.init.is_terminal", lambda: True)
    result = runner.invoke(app, list(map(str, arguments)), input=answers, catch_exceptions=False)
    return result.exit_code, " ".join(result.output.split())


def test_a_manifest_becomes_a_study_that_can_be_read(data: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    code, said = run(
        *("init", study, "--from", data / "manifest.csv", "--radiomics", "minimal"),
        *("--backbone", "none", "--clinical", "age", "--clinical", "sex"),
    )
    assert code == 0
    assert "4 lesions of 4 patients; 4 with a contoured follow-up" in said
    assert "tumor-response run" in said
    settings = read_settings(study)
    assert settings.features.clinical == ("age",)
    assert settings.features.categories == {"sex": ("f", "m")}
    assert (study / settings.cohort.manifest).resolve() == data / "manifest.csv"
    assert "Also there, not used: note." in (study / "study.toml").read_text(encoding="utf-8")


def test_no_clinical_variable_is_used_that_nobody_named(data: Path, tmp_path: Path) -> None:
    code, said = run("init", tmp_path / "study", "--from", data / "manifest.csv")
    assert code == 0
    assert "Clinical variables not used: age, sex, note." in said
    settings = read_settings(tmp_path / "study")
    assert settings.features.clinical == ()
    assert settings.features.categories == {}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nodes_at_follow_up", "is known only after treatment began; there are: age, sex, note"),
        ("smoking", "is not in the data; there are: age, sex, note"),
        ("note", "is no predictor: same for all"),
    ],
)
def test_a_variable_that_would_leak_or_say_nothing_is_refused(
    data: Path, tmp_path: Path, name: str, told: str
) -> None:
    code, said = run("init", tmp_path / "s", "--from", data / "manifest.csv", "--clinical", name)
    assert code == 2
    assert f"'{name}' {told}" in said
    assert not (tmp_path / "s").exists()


def test_a_settings_file_is_not_overwritten_until_that_is_said(data: Path, tmp_path: Path) -> None:
    arguments = ("init", tmp_path, "--from", data / "manifest.csv", "--backbone", "none")
    (tmp_path / "study.toml").write_text("mine")
    code, said = run(*arguments)
    assert code == 2
    assert "is there already" in said
    assert (tmp_path / "study.toml").read_text() == "mine"
    assert run(*arguments, "--overwrite")[0] == 0
    assert read_settings(tmp_path).features.backbone == "none"


def test_without_images_the_headline_is_a_model_that_is_there(data: Path, tmp_path: Path) -> None:
    arguments = ("--radiomics", "none", "--backbone", "none")
    assert run("init", tmp_path / "s", "--from", data / "manifest.csv", *arguments)[0] == 0
    assert read_settings(tmp_path / "s").models.headline == "clinical_only"


def test_the_only_tumour_of_a_folder_is_taken_and_said(data: Path, tmp_path: Path) -> None:
    code, said = run("init", tmp_path / "s", "--from", data / "dicom", "--yes", "--n-jobs", 1)
    assert code == 0
    assert "Structure: GTVp, the only one whose name begins with GTV" in said
    settings = read_settings(tmp_path / "s")
    assert settings.cohort.roi == "GTVp"
    assert settings.cohort.manifest is None


def test_two_possible_tumours_are_shown_and_not_guessed(tmp_path: Path) -> None:
    shapes = {"GTVp": cube(6.2), "GTVn": cube(3.2, (24, 24))}
    scan(tmp_path / "dicom" / "a", "P1", "20200101", shapes)
    code, said = run("init", tmp_path / "s", "--from", tmp_path / "dicom", "--yes", "--n-jobs", 1)
    assert code == 2
    assert "GTVp" in said
    assert "GTVn" in said
    assert "That is not guessed. Say --roi" in said
    assert not (tmp_path / "s").exists()


def test_on_a_terminal_the_structure_and_the_variables_are_asked_for(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = asked(
        # a number that is none, a pattern that matches nothing, the pattern, yes; variables
        "GTV(\nGTVx\nGTV.*\ny\nagge\nage, sex\nage\n",
        *("init", tmp_path / "s", "--from", data / "dicom", "--n-jobs", 1),
        monkeypatch=monkeypatch,
    )
    assert code == 0, said
    assert "'GTV(' is no regular expression" in said
    assert "'GTVx' matches no structure's whole name" in said
    assert "'GTV.*' matches GTVp: up to 2 patients" in said
    assert "Clinical variable 'agge' is not in the data; there are: " in said
    assert "Clinical variable 'sex' is no predictor" in said
    settings = read_settings(tmp_path / "s")
    assert settings.cohort.roi == "GTV.*"
    assert settings.features.clinical == ("age",)


def test_a_missing_source_is_a_message(tmp_path: Path) -> None:
    code, said = run("init", tmp_path / "s", "--from", tmp_path / "none.csv")
    assert code == 2
    assert "no such manifest" in said


def test_the_schema_is_printed_without_a_study() -> None:
    done = CliRunner().invoke(app, ["init", "--schema"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "evaluation" in json.loads(done.output)["properties"]


def test_a_study_without_follow_ups_is_told_so(data: Path, tmp_path: Path) -> None:
    manifest = pd.read_csv(data / "manifest.csv")
    columns = [name for name in manifest if name.startswith("follow_up")]
    manifest.drop(columns=columns).to_csv(data / "early.csv", index=False)
    code, said = run("init", tmp_path / "s", "--from", data / "early.csv")
    assert code == 0
    assert "Without a contoured follow-up there is no outcome" in said
