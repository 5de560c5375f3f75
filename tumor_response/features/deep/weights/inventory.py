"""Which weights are at hand, and whether they are what was recorded of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tumor_response.exceptions import TumorResponseError, WeightsError
from tumor_response.features.deep.weights.files import check_file, tensors_of
from tumor_response.features.deep.weights.folders import (
    folder_weights,
    hash_in_name,
    repository_at,
)
from tumor_response.features.deep.weights.loaded import NOT_STATED, state_sha256
from tumor_response.features.deep.weights.packaged import PACKAGED, packaged_weights
from tumor_response.features.deep.weights.record import check_sha256

__all__ = ["Holding", "Verdict", "holdings", "hub_cache", "packages", "verified"]


@dataclass(frozen=True)
class Holding:
    """One set of weights that is here, or could be.

    Parameters
    ----------
    backbone
        timm model name; empty where the file does not say.
    place
        Package, hub repository or path.
    licence
        As stated there.
    path
        File or folder; ``None``: a package.
    n_bytes
        Size of the file; ``None`` if there is none.
    sha256
        Recorded for the tensors; empty if nothing is recorded.
    problem
        Why these weights cannot be used; empty if they can.
    """

    backbone: str
    place: str
    licence: str = NOT_STATED
    path: Path | None = None
    n_bytes: int | None = None
    sha256: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Verdict:
    """What came of verifying a holding: ``"sound"``, ``"unrecorded"``, ``"absent"``, ``"wrong"``.

    Parameters
    ----------
    holding
        What was verified.
    verdict
        ``"unrecorded"``: readable, but there is no hash to hold it against. ``"absent"``: a
        package that is not installed.
    sha256
        Found for the tensors; empty if they cannot be read.
    message
        What is wrong.
    """

    holding: Holding
    verdict: str
    sha256: str = ""
    message: str = ""


def packages() -> list[Holding]:
    """Return the packages that carry weights, installed or not."""
    found = []
    for backbone, package in PACKAGED.items():
        try:
            file, release = package.installed()
        except WeightsError as error:
            found.append(
                Holding(
                    *(backbone, package.distribution, package.licence),
                    sha256=package.sha256,
                    problem=str(error),
                )
            )
            continue
        place = f"{package.distribution} {release}"
        n_bytes = file.stat().st_size if file.exists() else None
        found.append(
            Holding(backbone, place, package.licence, n_bytes=n_bytes, sha256=package.sha256)
        )
    return found


def hub_cache() -> Path:
    """Return the folder in which the hub's own tools keep what this user has fetched."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def holdings(place: Path) -> list[Holding]:
    """Return what a file, a folder of weights or a cache of several holds.

    Raises
    ------
    WeightsError
        Code ``weights_missing``: there is no such file or folder.
    """
    if not place.exists():
        raise WeightsError(f"{place}: no such file or folder.", code="weights_missing")
    if place.is_file():
        return [Holding("", place.name, path=place, n_bytes=place.stat().st_size)]
    return [_holding(folder) for folder in _repositories(place)]


def verified(places: Sequence[Holding], weights_sha256: str | None = None) -> Iterator[Verdict]:
    """Read all tensors and hold them against what is recorded of them.

    Parameters
    ----------
    places
        What :func:`packages` and :func:`holdings` returned.
    weights_sha256
        What the tensors of files and folders have to be; ``None``: what their records say.

    Yields
    ------
    Verdict
        One for each, in order.
    """
    for holding in places:
        try:
            yield _verdict(holding, weights_sha256)
        except TumorResponseError as error:
            if error.code == "settings":
                raise
            yield Verdict(holding, "wrong", message=str(error))


def _verdict(holding: Holding, expected: str | None) -> Verdict:
    if holding.problem:
        verdict = "absent" if holding.path is None else "wrong"
        return Verdict(holding, verdict, message=holding.problem)
    if holding.path is None:
        return Verdict(holding, "sound", packaged_weights(holding.backbone).sha256)
    if holding.path.is_file():
        found = state_sha256(tensors_of(holding.path)[0])
        recorded = False
    else:
        repository = repository_at(holding.path, None)
        loaded = folder_weights(holding.backbone, holding.path)
        found = loaded.sha256
        recorded = bool(repository.record or hash_in_name(repository.file))
    check_sha256(holding.place, found, expected, "Fetch them again.")
    return Verdict(holding, "sound" if recorded or expected else "unrecorded", found)


def _repositories(place: Path) -> list[Path]:
    for cache in (place, place / "hub"):
        held = sorted(path for path in cache.glob("models--*") if path.is_dir())
        if held and not (place / "snapshots").is_dir():
            return held
    return [place]


def _holding(folder: Path) -> Holding:
    try:
        found = repository_at(folder, None)
        check_file(found.file)
    except TumorResponseError as error:
        return Holding("", folder.name, path=folder, problem=str(error))
    named = "" if found.config is None else found.config.architecture
    if found.config is not None and found.config.tag:
        named = f"{named}.{found.config.tag}"
    return Holding(
        *(named, found.source, found.licence, folder, found.file.stat().st_size),
        sha256="" if found.record is None else found.record.tensors_sha256,
    )
