"""Fitted models as JSON, plain arrays and XGBoost's own JSON; no pickle, no type by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tumor_response.predictor.codec.arrays import arrays_from
from tumor_response.predictor.codec.boosters import booster_from
from tumor_response.predictor.codec.incoming import Incoming
from tumor_response.predictor.codec.outgoing import Outgoing
from tumor_response.predictor.container import refused
from tumor_response.predictor.container.layout import ARRAYS, MODELS, booster_name
from tumor_response.predictor.container.strict_json import parsed, written

__all__ = ["models_from", "models_to"]


def models_to(models: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the members that hold fitted models.

    Parameters
    ----------
    models
        From a name to an estimator, or a list of them.

    Returns
    -------
    dict
        ``models.json``, ``arrays.safetensors`` and the boosters, in this order.

    Raises
    ------
    BundleError
        Codes ``training_rows``, ``not_storable``.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.models import RidgeLogistic
    >>> X = np.arange(8.0)[:, None]
    >>> model = RidgeLogistic(Cs=(1.0,)).fit(X, X[:, 0] > 3)
    >>> again = models_from(models_to({"model": model}))["model"]
    >>> bool((again.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    out = Outgoing()
    found = {name: out.value(model, name) for name, model in models.items()}
    return {
        MODELS: written({"models": found, "texts": out.texts}),
        ARRAYS: out.arrays.to_bytes(),
        **{booster_name(number): content for number, content in enumerate(out.boosters)},
    }


def models_from(members: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the models of :func:`models_to`.

    Raises
    ------
    BundleError
        Codes ``untrusted_type``, ``damaged_member``, ``zip_bomb``.
    """
    found = parsed(members[MODELS], MODELS)
    names = [booster_name(number) for number in range(len(members))]
    boosters = [booster_from(members[name], name) for name in names if name in members]
    if type(found) is not dict or set(found) != {"models", "texts"}:
        raise refused(f"{MODELS} has no models.", code="damaged_member")
    if type(found["models"]) is not dict or type(found["texts"]) is not list:
        raise refused(f"{MODELS} has no models.", code="damaged_member")
    incoming = Incoming(arrays_from(members[ARRAYS]), found["texts"], boosters)
    return {name: incoming.value(model) for name, model in found["models"].items()}
