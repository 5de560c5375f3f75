"""The page: what it says, that text stays text, that it loads nothing, that it is whole."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tumor_response.exceptions import EvaluationError, SettingsError
from tumor_response.reporting import build

SCRIPT = "<script>console.error('planted')</script>"
IMAGE = "<img src='http://example.invalid/x.png' onerror='console.error(1)'>"


class Reader(HTMLParser):
    """Elements with their attributes, and the text a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" not in self._inside:
            self.text += data + " "

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def page(study, tmp_path: Path):
    def page(signal: float = 0.0, seed: int = 0, **kwargs) -> Reader:
        result, table, outcomes = study(signal, seed)
        settings = {"table": table, "outcomes": outcomes, "headline": "all"} | kwargs
        path = tr.report(result, tmp_path / "report.html", **settings)
        return Reader(path.read_text(encoding="utf-8"))

    return page


def front(reader: Reader) -> str:
    return " ".join(reader.text.split("Contents")[0].split())


# ---------------------------------------------------------------- what it says


@pytest.mark.parametrize("seed", range(3))
def test_a_null_study_reads_as_a_null(page, seed: int) -> None:
    text = front(page(signal=0.0, seed=seed))
    assert "does not show that the response can be predicted" in text
    assert "nor that they cannot" in text
    assert not re.search(r"better than (chance|by)", text)


def test_a_strong_signal_is_claimed_with_its_limits(page) -> None:
    text = front(page(signal=3.0))
    assert "separated better than chance, and better than by tumour volume alone" in text
    assert "may not be concluded that this holds in another hospital" in text


def test_all_models_are_shown_with_their_intervals_in_the_order_given(page, study) -> None:
    text = " ".join(page(signal=3.0).text.split())
    table = text[text.index("AUC out of bag 95 %") :]
    summary = study(3.0)[0].summary()
    places = [table.index(name) for name in summary.index]
    assert places == sorted(places)
    for _, row in summary.iterrows():
        assert f"{row['auc_oob']:.2f} {row['ci_low']:.2f} to {row['ci_high']:.2f}" in table


def test_it_says_that_it_is_no_medical_device_and_what_the_interval_is(page) -> None:
    reader = page()
    assert "For research. Not a medical device." in front(reader)
    assert "95 % were claimed" in " ".join(reader.text.split())


def test_the_ledger_says_how_many_configurations_were_tried(page, study, tmp_path) -> None:
    assert "no study ledger was given" in front(page())
    result, _, _ = study(0.0, 0)
    ledger = tr.StudyLedger(tmp_path / "ledger")
    ledger.append(result)
    reader = page(ledger=ledger)
    text = front(reader)
    assert f"configurations tried on this outcome: {len(result.models)}, in 1 evaluation" in text
    assert ledger.best_of_k().text.removeprefix("best") in text
    assert "an upper estimate" in " ".join(reader.text.split())
    with pytest.raises(EvaluationError, match="has no evaluation"):
        page(ledger=tr.StudyLedger(tmp_path / "empty"))


def test_without_a_named_headline_it_is_the_first_model_and_says_so(page) -> None:
    assert "Headline (first of the models) all" in front(page(headline=None))
    assert "Headline all" in front(page())


def test_a_headline_that_was_not_evaluated_is_refused(page) -> None:
    with pytest.raises(
        EvaluationError, match=r"'xgboost' was not evaluated; there are volume_only"
    ):
        page(headline="xgboost")


def test_volume_as_the_headline_is_not_compared_with_itself(page) -> None:
    text = " ".join(page(signal=3.0, headline="volume_only").text.split())
    compared = text[text.index("minus baseline") : text.index("The apparent AUC")]
    assert "clinical_only" in compared
    assert "volume_only" not in compared.removeprefix("minus baseline")


def test_those_left_out_are_counted(page) -> None:
    text = " ".join(page().text.split())
    assert "Lesions left out 2" in text
    assert f"outcome: {SCRIPT}" in text


def test_days_of_the_rate_are_named(page) -> None:
    assert "treatment_days" in page().text


def test_an_end_point_in_cc_carries_its_warning_on_page_one(study, tmp_path: Path) -> None:
    result, _, _ = study(0.0)
    in_cc = replace(result, rows=replace(result.rows, outcome=result.rows.outcome.rename("x")))
    label = tr.ResponderCut("median", by="rate_cc_per_day")
    in_cc = replace(in_cc, rows=replace(in_cc.rows, label=label))
    text = tr.report(in_cc, tmp_path / "cc.html").read_text(encoding="utf-8")
    assert "larger for a larger tumour by construction" in front(Reader(text))
    assert "by construction" not in front(
        Reader(tr.report(result, tmp_path / "percent.html").read_text(encoding="utf-8"))
    )


def test_more_failures_than_shown_are_announced(study, tmp_path: Path) -> None:
    result, table, _ = study(0.0)
    many = replace(table, failures=pd.concat([table.failures] * 130, ignore_index=True))
    text = tr.report(result, tmp_path / "r.html", table=many).read_text(encoding="utf-8")
    assert "The first 100 of 130" in text
    assert text.count("roi_too_small") == 101  # one row in the counts, a hundred one by one


def test_shap_values_by_block_and_column(study, page) -> None:
    reader = page(signal=3.0, explanations=[tr.explain(study(3.0)[0], "all")])
    text = " ".join(reader.text.split())
    assert "What the models used" in text
    assert "had not seen its patient" in text
    columns = text[text.index("columns with the largest mean |SHAP|") :]
    first = re.search(r"(radiomics|clinical)__\S+", columns)
    assert first is not None
    assert first.group() == "radiomics__original__f0"  # the only one that tells anything
    assert "What the models used" not in page(signal=3.0).text


# ---------------------------------------------------------------- text stays text


def test_planted_markup_stays_text_wherever_it_comes_from(page) -> None:
    reader = page(title=f"Study {SCRIPT}", notes=[IMAGE], identified=True)
    assert not reader.named("script")
    assert all(not name.startswith("on") for _, a in reader.elements for name in a)
    for planted in (f"Study {SCRIPT}", f"Refused: {SCRIPT}", f"outcome: {SCRIPT}", IMAGE):
        assert planted in reader.text


def test_nothing_is_loaded_from_anywhere(page, study) -> None:
    reader = page(signal=3.0, explanations=[tr.explain(study(3.0)[0], "all")])
    for tag, attributes in reader.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base"), tag
        for name in ("src", "srcset", "data", "action", "poster"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
        assert (attributes.get("href") or "#").startswith("#"), (tag, attributes)
    css = (Path(build.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
    assert "url(" not in css
    assert "@import" not in css


# ---------------------------------------------------------------- how it is built


def test_headings_links_tables_and_images_are_usable_without_eyes(page, study) -> None:
    reader = page(signal=3.0, explanations=[tr.explain(study(3.0)[0], "all")])
    levels = [int(tag[1]) for tag, _ in reader.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = {a["id"] for _, a in reader.elements if "id" in a}
    assert len(ids) == sum("id" in a for _, a in reader.elements)
    assert {a["href"].removeprefix("#") for a in reader.named("a")} <= ids
    shown = [a for a in reader.named("p") if a.get("class") == "caption"]
    assert len(shown) == len(reader.named("table")) > 4
    assert all(a.get("aria-label") in reader.text for a in reader.named("table"))
    scrolled = [a for a in reader.named("div") if a.get("class") == "scroll"]
    assert len(scrolled) == len(reader.named("table")) + len(reader.named("img"))
    assert all(a.get("tabindex") == "0" and a.get("aria-label") for a in scrolled)
    assert all(len(a.get("alt") or "") > 20 for a in reader.named("img"))
    assert all(a.get("scope") in ("col", "row") for a in reader.named("th"))
    assert reader.named("html") == [{"lang": "en"}]


def test_the_same_study_gives_the_same_bytes(study, tmp_path: Path) -> None:
    result, table, outcomes = study(3.0)
    first, second = (
        tr.report(result, tmp_path / name, table=table, outcomes=outcomes).read_bytes()
        for name in ("a.html", "b.html")
    )
    assert first == second


def test_a_write_that_fails_leaves_the_old_report(
    study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("the old one", encoding="utf-8")

    def fail_half_way(self: Path, text: str, encoding: str) -> int:
        with self.open("w", encoding=encoding) as file:
            file.write(text[: len(text) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail_half_way)
    with pytest.raises(OSError, match="No space left"):
        tr.report(study(0.0)[0], path)
    assert path.read_text(encoding="utf-8") == "the old one"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("name", "what"),
    [("", "is a folder"), ("results", "is a folder"), ("note/report.html", "lies below a file")],
)
def test_a_path_that_cannot_be_a_file_is_refused_and_nothing_is_left(
    study, tmp_path: Path, name: str, what: str
) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "note").write_text("a file", encoding="utf-8")
    with pytest.raises(SettingsError, match=f"{what}.*name a file"):
        tr.report(study(0.0)[0], tmp_path / name)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["note", "results"]
    assert (tmp_path / "note").read_text(encoding="utf-8") == "a file"


def test_the_folder_is_made(study, tmp_path: Path) -> None:
    path = tr.report(study(0.0)[0], tmp_path / "new" / "folder" / "report.html")
    assert path.is_file()
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_the_users_matplotlib_is_left_alone(study, tmp_path: Path) -> None:
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    before = (dict(mpl.rcParams), plt.get_fignums())
    tr.report(study(0.0)[0], tmp_path / "report.html")
    assert (dict(mpl.rcParams), plt.get_fignums()) == before


def test_a_model_that_gives_everybody_the_same_is_said_to(study, page) -> None:
    result, _, _ = study(0.0)
    explanation = tr.explain(result, "all")
    flat = replace(
        explanation,
        values=explanation.values * 0.0,
        block_values=explanation.block_values * 0.0,
        family_values=explanation.family_values * 0.0,
        nested_values=explanation.nested_values * 0.0,
        outputs=explanation.base_values.rename("output"),
    )
    assert "No column moved this model's output" in page(explanations=[flat]).text
    assert np.all(flat.table()["mean_abs"] == 0)


# ------------------------------------------------- what was fixed, and what could not be tuned


def cut_at(cut: float, table: tr.FeatureTable) -> tr.EvaluationResult:
    """Evaluate rates from 0 to 1, evenly spread."""
    index = table.data.index
    rate = pd.Series(np.linspace(0, 1, len(index)), index, name="rate_percent_per_day")
    models = {"all": tr.make_model("logistic"), "volume_only": tr.make_model("volume_only")}
    scheme = tr.Bootstrap632Plus(n_resamples=3)
    label = tr.ResponderCut(cut)
    return tr.evaluate(models, table, rate, scheme, label=label)


def text_of(result: tr.EvaluationResult, table: tr.FeatureTable, folder: Path) -> str:
    path = tr.report(result, folder / "report.html", table=table, headline="all")
    return " ".join(Reader(path.read_text(encoding="utf-8")).text.split())


def test_a_cut_that_is_a_number_is_reported_as_fixed(page, study, tmp_path: Path) -> None:
    table = study(0.0)[1]
    text = text_of(cut_at(0.5, table), table, tmp_path)
    assert "The cut: cut fixed beforehand at 0.5 of rate_percent_per_day" in text
    assert "and the cut fixed beforehand." in text
    assert "fitted on the training rows of each resample" not in text
    assert "fitted on the training rows of each resample" in page().text


def test_models_that_could_not_be_tuned_are_named(page, study, tmp_path: Path) -> None:
    table = study(0.0)[1]
    text = text_of(cut_at(0.98, table), table, tmp_path)
    assert "the strongest was taken: all in 3 resamples." in text
    assert "could not be tuned" not in page().text


def coupling(**changes) -> tr.Coupling:
    found = {
        "auc": 0.561,
        "auc_se": 0.001,
        "auc_low": 0.45,
        "auc_high": 0.67,
        "by": "rate_percent_per_day",
        "cut": "median",
        "observer_sd_mm": 1.5,
        "n_lesions": 58,
        "n_simulations": 2000,
        "n_one_class": 0,
        "true_sd": 0.02,
        "warning": "",
    }
    return tr.Coupling(**(found | changes))


def test_what_contour_error_makes_of_volume_stands_beside_volume_only(page) -> None:
    reader = page(coupling=coupling())
    text = front(reader)
    assert "volume, from contour error of 1.5 mm alone 0.56 0.45 to 0.67" in text
    assert text.index("volume_only 0.") < text.index("volume, from contour error of 1.5 mm")
    assert "contours off by 1.5 mm give volume an AUC of 0.56 (0.45 to 0.67)" in text
    assert "by themselves give volume alone an AUC of 0.56" in " ".join(reader.text.split())
    assert "Contour error not asked" in front(page())


def test_the_bold_row_is_still_the_headline(study, tmp_path: Path) -> None:
    result, table, _ = study(0.0, 0)
    for name in result.models:
        path = tr.report(
            result, tmp_path / "r.html", table=table, headline=name, coupling=coupling()
        )
        bold = re.findall(r'<tr class="headline">\s*<t[hd][^>]*>([^<]*)<', path.read_text("utf-8"))
        assert bold == [name]


def test_labels_made_of_error_are_warned_of(page) -> None:
    assert "labels are made of error" in front(
        page(coupling=coupling(true_sd=0.0, warning="The labels are made of error."))
    )


def test_coupling_of_another_end_point_is_refused(page) -> None:
    with pytest.raises(EvaluationError, match="was evaluated; give") as caught:
        page(coupling=coupling(by="rate_cc_per_day"))
    assert caught.value.code == "other_end_point"
