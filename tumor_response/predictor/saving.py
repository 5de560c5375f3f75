"""Predictors on disk: one file, no pickle, refused if it is not exactly what it says it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.base import is_classifier

from tumor_response.exceptions import BundleError
from tumor_response.formats.whole import write_whole
from tumor_response.predictor.calibration import Calibration
from tumor_response.predictor.codec import models_from, models_to
from tumor_response.predictor.codec.made_up import agree, frame_of, made_up_rows, said_of
from tumor_response.predictor.conformal import ConformalRule
from tumor_response.predictor.container import (
    MOST_BYTES,
    members_of,
    packed,
    read_file,
    refused,
)
from tumor_response.predictor.container.layout import CHECK, DICTIONARY, STATE
from tumor_response.predictor.container.strict_json import parsed, written
from tumor_response.predictor.domain import TrainingDomain
from tumor_response.predictor.state import PredictorState

__all__ = ["load_state", "save_state", "state_bytes", "state_from"]

_JSON = ("task", "end_point", "provenance", "threshold", "record")
_RULES: dict[str, Any] = {
    "calibration": Calibration,
    "volume_calibration": Calibration,
    "conformal": ConformalRule,
    "domain": TrainingDomain,
}
_MODELS = ("model", "volume_model", "resample_models")


def save_state(state: PredictorState, path: str | Path) -> str:
    """Write a predictor's state to a file, whole or not at all.

    The same state gives the same bytes. Nothing in the file can be executed: it is JSON, numbers,
    and XGBoost's own JSON, in a zip whose last bytes are the SHA-256 of those before.

    Parameters
    ----------
    state
        What travels.
    path
        Where to; by custom ``*.trz``.

    Returns
    -------
    str
        The SHA-256 of the file, to be sent apart from it.

    Raises
    ------
    BundleError
        Code ``training_rows``: a model that is its training patients' rows; ``not_storable``: a
        type that a file does not hold; ``not_json``: settings or aggregates that are not JSON.
    TableError
        Code ``table_unwritable``: the disk is full, or may not be written to.
    """
    content = state_bytes(state)
    write_whole(Path(path), lambda part: part.write_bytes(content))
    return hashlib.sha256(content).hexdigest()


def load_state(
    path: str | Path, *, sha256: str | None = None, max_bytes: int = MOST_BYTES
) -> PredictorState:
    """Read a predictor's state, or say why it is refused.

    Every byte is held against the file's own SHA-256 before any of it is interpreted; then only
    listed types with listed attributes are built, and the models' predictions of a few made-up
    rows are held against those that they made when they were saved. None of this tells who wrote
    the file: ``sha256`` does, if it came another way than the file.

    Parameters
    ----------
    path
        The file.
    sha256
        The SHA-256 that the file has to have; None (default): any.
    max_bytes
        Larger files are not read; default 2 GiB.

    Raises
    ------
    BundleError
        See :doc:`/guide/predictor_file` for the reason codes.
    """
    return state_from(read_file(path, max_bytes, sha256))


def state_bytes(state: PredictorState) -> bytes:
    """Return what :func:`save_state` writes."""
    models = {name: getattr(state, name) for name in _MODELS}
    models["resample_models"] = list(models["resample_models"])
    members = {
        STATE: _json("its settings and aggregates", _state_json(state)),
        DICTIONARY: written(_dictionary_json(state.dictionary)),
        **models_to(models),
    }
    members[CHECK] = written(_check_json(state))
    weights = state.provenance.get("weights", {})
    return packed(members, {"task": state.task, "weights": weights})


def state_from(content: bytes) -> PredictorState:
    """Return the state of the bytes of a file."""
    members = members_of(content)[1]
    try:
        state = _state(members)
    except BundleError:
        raise
    except Exception as error:  # whatever values that make no model lead to
        raise refused(f"it makes no predictor ({error!s:.200}).", code="damaged_member") from None
    _hold_against(state, parsed(members[CHECK], CHECK))
    return state


def _state_json(state: PredictorState) -> dict[str, Any]:
    return {
        **{name: getattr(state, name) for name in _JSON},
        **{name: getattr(state, name).to_json() for name in _RULES},
        "parents": list(state.parents),
    }


def _json(what: str, value: Any) -> bytes:
    try:
        return written(value)
    except (TypeError, ValueError) as error:
        raise BundleError(
            f"The predictor cannot be saved: {what} are not JSON ({error}).", code="not_json"
        ) from None


def _dictionary_json(dictionary: pd.DataFrame) -> dict[str, Any]:
    wrong = [str(name) for name in dictionary if not pd.api.types.is_string_dtype(dictionary[name])]
    if wrong:
        raise BundleError(
            f"The dictionary's column {wrong[0]!r} is not text; expected a feature table's.",
            code="not_storable",
        )
    texts = dictionary.astype(object).where(dictionary.notna(), None)
    return {
        "index": [str(name) for name in dictionary.index],
        "columns": {str(name): texts[name].tolist() for name in texts},
        "order": [str(name) for name in dictionary],
    }


def _dictionary(found: Mapping[str, Any]) -> pd.DataFrame:
    index = pd.Index(found["index"], dtype="str", name="column")
    columns = {name: pd.array(found["columns"][name], dtype="str") for name in found["order"]}
    return pd.DataFrame(columns, index=index)


def _check_json(state: PredictorState) -> dict[str, Any]:
    models = _all_models(state)
    try:
        rows = made_up_rows(models, [str(name) for name in state.dictionary.index])
        frame = frame_of(rows)
        said = [[repr(one) for one in said_of(model, frame)] for model in models]
    except Exception as error:
        # nobody can make up a network's views, or rows for a model of columns of its own; the
        # file says that there is nothing to hold it against, and why
        return {"rows": {}, "said": [], "why": getattr(error, "code", type(error).__name__)}
    return {"rows": rows, "said": said}


def _all_models(state: PredictorState) -> list[Any]:
    return [state.model, state.volume_model, *state.resample_models]


def _state(members: Mapping[str, bytes]) -> PredictorState:
    found = parsed(members[STATE], STATE)
    if set(found) != {*_JSON, *_RULES, "parents"} or found["task"] not in ("response", "rate"):
        raise refused(f"{STATE} has other parts than a predictor's.", code="damaged_member")
    wrong = [name for name in (*_JSON[1:], *_RULES) if type(found[name]) is not dict]
    if wrong or type(found["parents"]) is not list:
        raise refused(f"{STATE} is of another shape than a predictor's.", code="damaged_member")
    models = models_from(members)
    if set(models) != {*_MODELS}:
        raise refused("it has other models than a predictor's.", code="damaged_member")
    for model in (models["model"], models["volume_model"], *models["resample_models"]):
        if not hasattr(model, "predict") or is_classifier(model) != (found["task"] == "response"):
            raise refused(
                f"it holds a model that predicts no {found['task']}.", code="damaged_member"
            )
    rules = {name: rule.from_json(found[name]) for name, rule in _RULES.items()}
    return PredictorState(
        **{name: found[name] for name in _JSON},
        **rules,
        dictionary=_dictionary(parsed(members[DICTIONARY], DICTIONARY)),
        model=models["model"],
        volume_model=models["volume_model"],
        resample_models=tuple(models["resample_models"]),
        parents=tuple(found["parents"]),
    )


def _hold_against(state: PredictorState, check: Mapping[str, Any]) -> None:
    try:
        kept = [[float(one) for one in of_one] for of_one in check["said"]]
        models = _all_models(state) if check["rows"] else []
        said = [said_of(model, frame_of(check["rows"])) for model in models]
        same = len(said) == len(kept) and all(map(agree, said, kept))
    except Exception as error:  # whatever numbers that make no model lead to
        raise refused(
            f"its models do not predict ({error!s:.200}).", code="predictions_changed"
        ) from None
    if not same:
        raise refused(
            "its models do not predict what they predicted when they were saved.",
            "Install the library versions that its manifest.json names.",
            code="predictions_changed",
        )
