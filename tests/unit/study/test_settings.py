"""The settings file: every fault with its line and a way out; the template says what is read."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumor_response.exceptions import SettingsError
from tumor_response.study import StudySettings, read_settings
from tumor_response.study.settings import SECTIONS, json_schema
from tumor_response.study.template import key_table, toml_text

PROJECT = Path(__file__).parents[3]
COHORT = "[cohort]\nmanifest = 'm.csv'\n"


def fault(tmp_path: Path, text: str) -> str:
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        read_settings(tmp_path)
    return str(raised.value)


WRONG = {
    "unknown key": (COHORT + "[evaluation]\nn_resample = 9\n", 4, "did you mean 'n_resamples'?"),
    "key of another section": (COHORT + "[study]\nseed = 1\n", 4, "belongs into [evaluation]"),
    "key before any section": ("seed = 1\n" + COHORT, 1, "belongs into [evaluation]"),
    "unknown section": (COHORT + "[modles]\nnames = []\n", 3, "did you mean 'models'?"),
    "out of range": (COHORT + "[evaluation]\n\nseed = -1\n", 5, "received -1; expected greater"),
    "no choice": (COHORT + "[evaluation]\nfailed = 'skip'\n", 4, "'error', 'drop' or 'impute'"),
    "text for a list": (COHORT + "[models]\nnames = 'logistic_all'\n", 4, "expected list, such as"),
    "no number": (COHORT + "[evaluation]\nn_resamples = 'many'\n", 4, "valid integer"),
    "no end point": (COHORT + "[outcome]\nby = 'shrinkage'\n", 4, "rate_percent_per_day"),
    "no cut": (COHORT + "[outcome]\ncut = 'mean'\n", 4, "a number, or one of median"),
    "cut of another end point": (
        COHORT + "[outcome]\ncut = 'volumetric_progression'\n",
        3,
        "is a volume relative to the baseline's",
    ),
    "one level": (COHORT + "[features.categories]\nsex = ['f']\n", 3, "two levels or more"),
    "unquoted text": ("[cohort]\nmanifest = m.csv\n", 2, "Text stands in quotes"),
    "backslashes": ('[cohort]\nmanifest = "C:\\data\\m.csv"\n', 2, "in single quotes"),
    "no source": ("[cohort]\nroi = 'GTV'\n", 1, "manifest (a CSV file) or folder (DICOM)"),
    "folder without roi": ("[cohort]\nfolder = 'd'\n", 1, "which structure is the tumour?"),
    "roi of a manifest": (COHORT + "roi = 'GTV'\n", 1, "a manifest has columns"),
    "unknown model": (
        COHORT + "[models]\nnames = ['forest']\nheadline = 'volume_only'\n",
        4,
        "xgboost_all",
    ),
    "headline not evaluated": (
        COHORT + "[models]\nnames = ['xgboost_all']\n",
        3,
        "'logistic_all' is not evaluated",
    ),
    "block not extracted": (
        COHORT + "[features]\nbackbone = 'none'\n[ablation]\nblocks = ['deep']\n",
        6,
        "'deep' is not extracted",
    ),
    "attention without a network": (
        COHORT + "[features]\nbackbone = 'none'\n[explanation]\nattention = true\n",
        6,
        "does not look at images",
    ),
    "too few permutations": (COHORT + "[explanation]\nn_permutations = 5\n", 4, "19 and more"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_fault_has_its_line_and_a_way_out(tmp_path: Path, what: str) -> None:
    text, line, expected = WRONG[what]
    told = fault(tmp_path, text)
    assert f"study.toml, line {line}: " in told
    assert expected in told
    assert "Traceback" not in told


def test_all_faults_are_told_together_in_their_order(tmp_path: Path) -> None:
    told = fault(tmp_path, COHORT + "[evaluation]\nseed = -1\nn_fold = 3\n[study]\nx = 1\n")
    assert told.startswith("3 faults:")
    assert told.index("line 4") < told.index("line 5") < told.index("line 7")


def test_a_missing_file_says_how_one_is_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="tumor-response init"):
        read_settings(tmp_path / "study.toml")


def test_the_template_is_the_defaults() -> None:
    text = toml_text({"cohort": {"manifest": "m.csv"}})
    read = {name: SECTIONS[name](**values) for name, values in tomllib.loads(text).items()}
    assert StudySettings(**read) == StudySettings(cohort={"manifest": "m.csv"})


def test_every_key_of_the_template_is_explained() -> None:
    lines = toml_text({"cohort": {"manifest": "m.csv"}}).splitlines()
    for name, section in SECTIONS.items():
        for key, field in section.model_fields.items():
            assert field.description, f"[{name}] {key}"
            written = [
                i for i, line in enumerate(lines) if line.lstrip("# ").startswith(f"{key} =")
            ]
            assert written, f"[{name}] {key}"
            assert all(lines[i - 1].startswith("# ") for i in written)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_any_text_comes_back_from_the_template(title: str) -> None:
    text = toml_text({"cohort": {"manifest": "m.csv"}, "study": {"title": title}})
    assert tomllib.loads(text)["study"]["title"] == title


def test_the_schema_in_the_docs_is_the_models() -> None:
    published = (PROJECT / "docs" / "study.schema.json").read_text(encoding="utf-8")
    assert published == json_schema()
    assert set(json.loads(published)["properties"]) == set(SECTIONS)


def test_the_tables_in_the_docs_are_the_models() -> None:
    page = (PROJECT / "docs" / "guide" / "study.md").read_text(encoding="utf-8")
    for name, section in SECTIONS.items():
        assert f"### `[{name}]`" in page
        assert key_table(section) in page, f"[{name}]"
