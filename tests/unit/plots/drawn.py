"""One of each thing that can be drawn, for names and numbers of any kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tumor_response as tr
from tests.unit import cases
from tests.unit.evaluation.controls.quick import MeanDifference
from tests.unit.evaluation.test_contour_spread import Study
from tests.unit.explanation.attention.synthetic import attention_maps
from tests.unit.explanation.concordance import made
from tests.unit.explanation.feature_maps.test_feature_map import tiny
from tests.unit.explanation.synthetic import explanation_of, null_of
from tests.unit.outcomes.test_retreat_plot import retreat
from tests.unit.repeat_rules import RandomCut, RandomOffset, Simple
from tumor_response.evaluation import EvaluationResult
from tumor_response.evaluation.ablation import AblationStudy, ablate
from tumor_response.evaluation.controls import ControlsSettings, negative_controls
from tumor_response.evaluation.planning import learning_curve
from tumor_response.evaluation.sites import site_report
from tumor_response.evaluation.subgroups import subgroups
from tumor_response.explanation import Explanation
from tumor_response.explanation.attention.sanity import SanitySettings
from tumor_response.explanation.attention.sanity.likeness import likeness_to_before
from tumor_response.explanation.attention.sanity.one_lesion import LesionFound
from tumor_response.explanation.attention.sanity.result import AttentionSanity
from tumor_response.explanation.differences import beyond_volume_and_age, group_differences
from tumor_response.explanation.feature_maps import FeatureMapSettings, feature_map
from tumor_response.repeatability import robustness
from tumor_response.transformers import BlockSelector

LONG = "a_name_of_forty_characters_that_goes_on_"
Plot = Callable[..., Any]


def model(*blocks: str) -> Any:
    return make_pipeline(
        BlockSelector(list(blocks) or None), StandardScaler(), LogisticRegression(C=0.1)
    )


@dataclass
class Drawings:
    """Results of a study of ``n`` patients and ``n_models`` models, with names of any length."""

    folder: Path
    n: int = 36
    n_models: int = 3
    prefix: str = ""
    gaps: bool = False
    kept: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def bare(cls) -> Drawings:
        """Return drawings whose names can be listed; nothing can be drawn."""
        return cls(Path())

    @property
    def index(self) -> pd.MultiIndex:
        names = [f"{self.prefix}P{i:03d}" for i in range(self.n)]
        return pd.MultiIndex.from_product([names, ["1"]], names=["patient_id", "lesion_id"])

    @cached_property
    def X(self) -> pd.DataFrame:  # noqa: N802 - scikit-learn's name
        rng = np.random.default_rng(0)
        size, texture = rng.normal(size=(2, self.n))
        columns: dict[str, Any] = {
            "clinical__age": rng.normal(62, 9, self.n),
            "clinical__volume_cc": np.exp(2.5 + 0.8 * size),
            "meta__slice_thickness_mm": rng.choice([1.0, 2.0, 3.0], self.n),
            "meta__site": np.array(["A", f"{self.prefix}B"])[np.arange(self.n) % 2],
        }
        for family in ("glcm", "glszm", "firstorder"):
            for i in range(3):
                name = f"radiomics__log_sigma_3_mm__{family}_{self.prefix}Feature{i}"
                columns[name] = texture + rng.normal(size=self.n)
        columns |= {f"deep__net__{i:04d}": size + rng.normal(size=self.n) for i in range(8)}
        X = pd.DataFrame(columns, self.index)
        if self.gaps:
            X.iloc[::7, 0] = np.nan
        return X

    @cached_property
    def rate(self) -> pd.Series:
        rng = np.random.default_rng(1)
        X = self.X
        signal = X.filter(like="glcm").mean(axis=1) + 0.5 * np.log(X["clinical__volume_cc"])
        return (signal + rng.normal(size=self.n)).rename("rate_percent_per_day")

    @cached_property
    def y(self) -> pd.Series:
        return (self.rate > self.rate.median()).astype(float).rename("responder")

    @cached_property
    def models(self) -> dict[str, Any]:
        own = {f"{self.prefix}model_{i:02d}": model("radiomics") for i in range(self.n_models - 2)}
        if self.n_models == 1:
            return {f"{self.prefix}alone": model("radiomics")}
        return {"volume_only": tr.make_model("volume_only"), f"{self.prefix}all": model(), **own}

    @cached_property
    def first(self) -> str:
        return next(name for name in self.models if name != "volume_only")

    @cached_property
    def result(self) -> EvaluationResult:
        scheme = tr.Bootstrap632Plus(n_resamples=5, seed=0)
        return tr.evaluate(
            self.models, self.complete, self.rate, scheme, label=tr.ResponderCut("median")
        )

    @cached_property
    def ablation(self) -> AblationStudy:
        models = {f"{self.prefix}ridge": lambda blocks: model(*blocks)}
        X = self.X.drop(columns=["clinical__age"])
        scheme = tr.Bootstrap632Plus(n_resamples=3, seed=0)
        return ablate(X, self.y, models=models, scheme=scheme)

    @cached_property
    def explanation(self) -> Explanation:
        own = [name for name in self.X if not name.startswith("meta")]
        features = self.X[own].reset_index(drop=True)
        dictionary = pd.DataFrame(
            {"description": "What the column says in a sentence of some length.", "unit": "mm"},
            index=own,
        )
        found = explanation_of(own, self.n, dictionary=dictionary, features=features)
        return found.with_null(null_of(found))

    @cached_property
    def beyond(self) -> Any:
        names = {"volume_only": "volume_only", "clinical_only": "clinical_only"}
        models = {name: tr.make_model(kind) for name, kind in names.items()}
        models[f"{self.prefix}all"] = model()
        scheme = tr.Bootstrap632Plus(n_resamples=5, seed=0)
        return beyond_volume_and_age(
            tr.evaluate(models, self.complete, self.y, scheme), n_permutations=19
        )

    @cached_property
    def outcomes(self) -> pd.DataFrame:
        rng = np.random.default_rng(2)
        change = pd.Series(-20 + 25 * rng.normal(size=self.n), self.index)
        if self.gaps:
            change.iloc[::5] = np.nan
        return pd.DataFrame({"volume_change_percent": change, "rate_percent_per_day": self.rate})

    @cached_property
    def visits(self) -> pd.DataFrame:
        rng = np.random.default_rng(3)
        rows = {}
        for patient, lesion in self.index:
            volume = 40 * rng.lognormal(0, 0.6)
            for visit, day in enumerate((0, 14, 28)):
                gone = self.gaps and visit == 1 and rng.random() < 0.2
                rows[patient, lesion, visit] = (day, np.nan if gone else volume)
                volume *= np.exp(-0.25 + 0.15 * rng.normal())
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=["days", "volume_cc"])
        names = ["patient_id", "lesion_id", "visit"]
        return frame.set_axis(pd.MultiIndex.from_tuples(rows, names=names))

    @cached_property
    def label(self) -> pd.Series:
        return tr.label_responders(self.outcomes, by="rate_percent_per_day", cut="median")

    @cached_property
    def uncertainty(self) -> pd.DataFrame:
        by = "rate_percent_per_day"
        doubtful = (self.rate - self.rate.median()).abs() < 0.3
        return pd.DataFrame(
            {"uncertain": doubtful, f"{by}_low": self.rate - 0.3, f"{by}_high": self.rate + 0.3}
        )

    def cohort(self, n: int = 3) -> tr.Cohort:
        where = self.folder / f"cohort{n}"
        if where.exists():
            return tr.Cohort.from_csv(where / "manifest.csv")
        where.mkdir(parents=True)
        frame = cases.cohort_folder(where, n)
        frame.to_csv(where / "manifest.csv", index=False)
        return tr.Cohort.from_frame(frame, base=where)

    @cached_property
    def controls(self) -> Any:
        cohort = self.cohort(10)
        y = pd.Series(np.arange(10.0) % 2, cohort.keys)
        return negative_controls(
            cohort,
            [Simple()],
            {f"{self.prefix}all": MeanDifference()},
            y,
            settings=ControlsSettings(n_permutations=19, n_resamples=5, n_resamples_permuted=2),
            quality=None,
        )

    @cached_property
    def robust(self) -> Any:
        rules = {
            f"{self.prefix}noise": RandomOffset(),
            "contour": RandomCut(),
        }
        store = self.folder / "robust"
        return robustness(self.cohort(10), [Simple()], rules, 2, store=store, quality=None)

    @cached_property
    def spread(self) -> Any:
        where = self.folder / "spread"
        where.mkdir()
        study = Study(where)
        scheme = tr.Bootstrap632Plus(n_resamples=5, seed=0)
        name = f"{self.prefix}all"
        result = tr.evaluate({name: study.model}, study.X, study.y, scheme)
        return tr.prediction_spread(result, study.folder)

    @cached_property
    def sanity(self) -> AttentionSanity:
        rng = np.random.default_rng(0)
        curve = {"draw": 0, "deletion": 0.0, "insertion": 0.0}
        lesions = []
        for number in range(6):
            before = rng.random(9)
            cascade = [
                {
                    "method": method,
                    "draw": 0,
                    "randomised": f"{self.prefix}layer {step}",
                    "rank_correlation": likeness_to_before(before, before + step * rng.random(9)),
                    "step": step,
                }
                for method in ("grad_cam", "eigen_cam")
                for step in range(5)
            ]
            lesions.append(
                LesionFound(
                    (f"P{number}", "1"),
                    maps={"grad_cam": before, "eigen_cam": before},
                    cascade=cascade,
                    curves=[
                        curve | {"order": order}
                        for order in ("grad_cam", "eigen_cam", "random", "centre")
                    ],
                )
            )
        return AttentionSanity.of_lesions(
            lesions, self.first, ["grad_cam", "eigen_cam"], SanitySettings()
        )

    @cached_property
    def concordance(self) -> Any:
        where = self.folder / "concordance"
        where.mkdir()
        cohort = made.cohort(where, n_patients=4)
        keys = pd.MultiIndex.from_tuples([case.key for case in cohort])
        labels = pd.Series((np.arange(len(keys)) % 2).astype(float), index=keys)
        return tr.attention_concordance(
            made.maps(cohort),
            cohort,
            retreat=made.retreat(cohort),
            labels=labels,
            settings=made.QUICK,
        )

    @cached_property
    def complete(self) -> pd.DataFrame:
        return self.X.fillna(self.X.mean(numeric_only=True))

    @cached_property
    def learning(self) -> Any:
        models = {name: self.models[name] for name in list(self.models)[:4]}
        return learning_curve(models, self.complete, self.y, sizes=[10, 16, 24], n_repeats=2)

    @cached_property
    def probe(self) -> Any:
        return tr.probe_embedding(self.complete, n_repeats=1, n_permutations=9)

    @cached_property
    def sites(self) -> Any:
        label = tr.ResponderCut("median")
        return site_report(self.complete, self.rate, label=label, n_repeats=1)

    @cached_property
    def by_site(self) -> Any:
        return subgroups(self.result, self.first, self.X["meta__site"])

    @cached_property
    def volume_check(self) -> Any:
        return tr.volume_check(self.result, "deep")

    @cached_property
    def differences(self) -> Any:
        return group_differences(self.complete, self.y, n_permutations=19)

    @cached_property
    def maps(self) -> Any:
        return attention_maps(tuple((f"P{i}", "1") for i in range(3)))

    @cached_property
    def feature_map(self) -> Any:
        extractor = tr.Radiomics("minimal")
        column = "radiomics__original__firstorder_Mean"
        return feature_map(tiny(), extractor, column, settings=FeatureMapSettings(kernel_radius=1))

    def on_axes(self) -> dict[str, Plot]:
        """Return what draws on one axes: the function with everything but ``ax``."""
        return {
            "EvaluationResult.plot_roc": lambda ax=None: self.result.plot_roc(ax),
            "EvaluationResult.plot_calibration": lambda ax=None: self.result.plot_calibration(ax),
            "EvaluationResult.plot_decision_curve": (
                lambda ax=None: self.result.plot_decision_curve(ax)
            ),
            "EvaluationResult.plot_precision_recall": (
                lambda ax=None: self.result.plot_precision_recall(ax)
            ),
            "AblationStudy.plot_forest": lambda ax=None: self.ablation.plot_forest(ax),
            "NegativeControls.plot": lambda ax=None: self.controls.plot(ax),
            "LearningCurve.plot": lambda ax=None: self.learning.plot(ax),
            "PredictionSpread.plot": lambda ax=None: self.spread.plot(ax),
            "EmbeddingProbe.plot": lambda ax=None: self.probe.plot(ax),
            "SiteReport.plot": lambda ax=None: self.sites.plot(ax),
            "Subgroups.plot": lambda ax=None: self.by_site.plot(ax),
            "VolumeCheck.plot": lambda ax=None: self.volume_check.plot(ax),
            "Explanation.plot_summary": lambda ax=None: self.explanation.plot_summary(ax),
            "Explanation.plot_bars": lambda ax=None: self.explanation.plot_bars(ax=ax),
            "Explanation.plot_dependence": lambda ax=None: self.explanation.plot_dependence(
                self.explanation.values.columns[2], "clinical__age", ax=ax
            ),
            "Explanation.plot_patient": lambda ax=None: self.explanation.plot_patient(
                self.explanation.values.index[0], ax=ax, names=True
            ),
            "Explanation.plot_decision": lambda ax=None: self.explanation.plot_decision(ax=ax),
            "AttentionMaps.plot": lambda ax=None: self.maps.plot("P0", self.cohort(), ax=ax),
            "AttentionSanity.plot": self.sanity.plot,
            "GroupDifferences.plot_volcano": lambda ax=None: self.differences.plot_volcano(ax=ax),
            "FeatureMap.plot": lambda ax=None: self.feature_map.plot(tiny(), ax=ax),
            "plot_waterfall": lambda ax=None: tr.plot_waterfall(
                self.outcomes, "rate_percent_per_day", label=self.label, names=True, ax=ax
            ),
            "plot_cut": lambda ax=None: tr.plot_cut(
                self.outcomes, uncertainty=self.uncertainty, ax=ax
            ),
            "plot_spider": lambda ax=None: tr.plot_spider(
                self.visits, label=self.label, names=True, ax=ax
            ),
            "plot_volumes": lambda ax=None: tr.plot_volumes(
                self.visits, label=self.label, scale="log", ax=ax
            ),
            "Robustness.plot_heatmap": lambda ax=None: self.robust.plot_heatmap(ax),
        }

    def on_several(self) -> dict[str, tuple[int, Plot]]:
        """Return what draws on a given number of axes."""
        return {
            "AttentionMaps.plot, three": (
                3,
                lambda ax=None: self.maps.plot("P0", self.cohort(), planes="three", ax=ax),
            ),
            "BeyondVolumeAndAge.plot": (2, lambda ax=None: self.beyond.plot(ax)),
            "plot_retreat": (3, lambda ax=None: tr.plot_retreat(*retreat(0), ax=ax)),
        }

    def in_figure(self) -> dict[str, Plot]:
        """Return what lays out its axes itself, in a figure or a part of one."""
        return {
            "AblationStudy.plot_combinations": (
                lambda figure=None: self.ablation.plot_combinations(figure)
            ),
            "AttentionMaps.contact_sheet": lambda figure=None: self.maps.contact_sheet(
                self.cohort(), figure=figure
            ),
            "Concordance.plot": lambda figure=None: self.concordance.plot(figure),
            "plot_views": lambda figure=None: tr.plot_views(
                cases.baseline(), size_px=32, figure=figure
            ),
        }
