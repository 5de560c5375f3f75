"""A fitted predictor: its state, its file, its card, its graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from tumor_response.exceptions import BundleError, ModelError
from tumor_response.features.base import FeatureExtractor
from tumor_response.formats.whole import write_whole
from tumor_response.notebook import shown
from tumor_response.predictor.saving import save_state
from tumor_response.predictor.state import PredictorState

if TYPE_CHECKING:
    from tumor_response.evaluation import EvaluationResult
    from tumor_response.evaluation.controls import NegativeControls
    from tumor_response.evaluation.leakage import LeakageTrace

__all__ = ["FittedPredictor"]


class FittedPredictor:
    """What :class:`~tumor_response.predictor.predictor.ShrinkagePredictor` is once it is fitted.

    Parameters
    ----------
    extractors
        As given; None: to be made again from the state.
    """

    def __init__(self, extractors: Sequence[FeatureExtractor] | None) -> None:
        self.extractors = None if extractors is None else list(extractors)
        self._state: PredictorState | None = None
        self.sha256_: str | None = None

    @property
    def state_(self) -> PredictorState:
        """All that a prediction needs; raises :class:`ModelError` (``not_fitted``) before fit."""
        if self._state is None:
            raise ModelError(
                "The predictor is not fitted; call fit(cohort, y) or fit_table(table, y), or load "
                "one.",
                code="not_fitted",
            )
        return self._state

    def describe(
        self,
        *,
        evaluation: EvaluationResult | None = None,
        model: str | None = None,
        controls: NegativeControls | None = None,
        trace: LeakageTrace | None = None,
        about: Mapping[str, str] | None = None,
    ) -> Self:
        """Note in the predictor what was measured of its model, for the card; as aggregates.

        Parameters
        ----------
        evaluation, model, controls, trace, about
            As for :func:`tumor_response.predictor.record.described`.

        Raises
        ------
        EvaluationError
            Codes ``other_evaluation``, ``unknown_model`` and ``about``.
        """
        from tumor_response.predictor.record import described

        self._state = described(
            self.state_,
            evaluation=evaluation,
            model=model,
            controls=controls,
            trace=trace,
            about=about,
        )
        self.sha256_ = None
        return self

    def model_card(
        self, path: str | Path | None = None, format: Literal["markdown", "html"] = "markdown"
    ) -> str:
        """Return the model card: cohort, end point, performance, controls, domain, limits.

        Parameters
        ----------
        path
            A file to write it to as well.
        format
            ``"markdown"``, or ``"html"``: one page that needs no network.

        Raises
        ------
        ModelError
            Codes ``not_fitted`` and ``card_format``.
        """
        from tumor_response.predictor.card import card_html, card_markdown

        writers = {"markdown": card_markdown, "html": card_html}
        if format not in writers:
            raise ModelError(
                f"format={format!r}: expected 'markdown' or 'html'.", code="card_format"
            )
        card = writers[format](self.state_)
        if path is not None:
            write_whole(Path(path), partial(_write, card.encode()))
        return card

    def to_onnx(self, path: str | Path) -> None:
        """Write the table model as an ONNX graph, with its calibration, from features to output.

        See :func:`tumor_response.predictor.onnx_model.onnx_model` for inputs and outputs. The
        graph knows no domain, no refusal and no label set.

        Raises
        ------
        BundleError
            Code ``no_onnx``: a step that has no graph.
        """
        from tumor_response.predictor.onnx_model import onnx_model

        state = self.state_
        graph = onnx_model(state.model, state.calibration)
        write_whole(Path(path), partial(_write, graph.SerializeToString(deterministic=True)))

    def save(self, path: str | Path) -> str:
        """Write the predictor to a file, without pickle and without any patient's row.

        Returns
        -------
        str
            SHA-256 of the file: tell it to whoever gets the file.

        Raises
        ------
        BundleError
            Code ``training_rows``: the fitted model holds training patients, such as support
            vectors do.
        """
        held = self.state_.record.get("fit", {}).get("rows_held", [])
        if held:
            raise BundleError(
                f"The fitted model holds rows of training patients ({', '.join(held[:3])}), which "
                "must not travel. Fit a model that keeps none: 'logistic', 'xgboost'.",
                code="training_rows",
            )
        self.sha256_ = save_state(self.state_, Path(path))
        return self.sha256_

    @property
    def is_fitted(self) -> bool:
        """Whether :meth:`fit`, :meth:`fit_table` or :meth:`load` has made it able to predict."""
        return self._state is not None

    def _repr_html_(self) -> str:
        from tumor_response.predictor.shown import predictor_html

        return shown(self, predictor_html)

    def __repr__(self) -> str:
        if self._state is None:
            return "<ShrinkagePredictor: not fitted>"
        fit = self._state.record.get("fit", {})
        columns = sum(fit.get("blocks", {}).values())
        return (
            f"<ShrinkagePredictor: {self._state.task}, fitted to {fit.get('n_lesions')} lesions of "
            f"{fit.get('n_patients')} patients, {columns} columns; not a medical device>"
        )


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)
