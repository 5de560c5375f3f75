"""From what a table says of itself back to the extractors and rules that made it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tumor_response._version import __version__, library_version
from tumor_response.exceptions import FeatureError, TumorResponseError
from tumor_response.features.base import FeatureExtractor
from tumor_response.features.case_facts import RunRules
from tumor_response.quality import ExclusionRule, QualitySettings

__all__ = ["check_same", "extractors_of", "rules_of"]


def extractors_of(provenance: Mapping[str, Any]) -> list[FeatureExtractor]:
    """Return the extractors that a table's provenance describes.

    Raises
    ------
    FeatureError
        Code ``extractor_unknown``: one that is not the library's own, or whose weights came from
        a file; it has to be given.
    """
    return [_made(block, identity) for block, identity in provenance["extractors"].items()]


def check_same(extractors: Sequence[FeatureExtractor], provenance: Mapping[str, Any]) -> None:
    """Refuse extractors and libraries that are not those of the table, to the version.

    Raises
    ------
    FeatureError
        Code ``extractor_changed``, naming the first difference.
    """
    _check_versions(provenance)
    wanted = provenance["extractors"]
    given = {extractor.block: extractor.identity() for extractor in extractors}
    if list(given) != list(wanted):
        raise FeatureError(
            f"The table has the blocks {', '.join(wanted)}, the extractors given would make "
            f"{', '.join(given)}.",
            code="extractor_changed",
        )
    for block, identity in given.items():
        for name in {**wanted[block], **identity}:
            before, now = wanted[block].get(name), identity.get(name)
            # what was read from a file has lists where an extractor has tuples
            if _plain(before) != _plain(now):
                raise FeatureError(
                    f"Block {block!r} was made with {name}={before!r}, now it would be {now!r}: "
                    "rows of both would not be comparable. Extract the whole cohort again.",
                    code="extractor_changed",
                )


def _check_versions(provenance: Mapping[str, Any]) -> None:
    before_now = [("tumor_response", provenance["tumor_response"], __version__)]
    for name, version in provenance["versions"].items():
        before_now.append((name, version, library_version(name)))
    for name, before, now in before_now:
        if now != before:
            raise FeatureError(
                f"The table was made with {name} {before}, here is {now}: rows of both might not "
                "be comparable. Extract the whole cohort again, or retry with the old version.",
                code="extractor_changed",
            )


def rules_of(provenance: Mapping[str, Any]) -> RunRules:
    """Return the quality limits and the exclusion rule of a table."""
    quality, exclude = provenance["quality"], provenance["exclude"]
    return RunRules(
        None if quality is None else QualitySettings(**quality),
        None if exclude is None else ExclusionRule(**exclude),
    )


def _made(block: str, identity: Mapping[str, Any]) -> FeatureExtractor:
    maker = _MAKERS.get(str(identity.get("extractor")))
    try:
        made = None if maker is None else maker(block, identity)
    except TumorResponseError as error:
        raise FeatureError(
            f"The extractor of block {block!r} cannot be made again here: {error}",
            code="extractor_unknown",
        ) from None
    if made is None:
        raise FeatureError(
            f"The extractor of block {block!r} cannot be made from the table alone (an extractor "
            "of your own, or weights from a file); give it: tr.retry(table, cohort, [...]).",
            code="extractor_unknown",
        )
    return made


def _radiomics(block: str, identity: Mapping[str, Any]) -> FeatureExtractor:
    from tumor_response.features.radiomics import IbsiSettings, Radiomics, RadiomicsSettings

    kind = IbsiSettings if identity["convention"] == "ibsi" else RadiomicsSettings
    settings = kind(**identity["settings"])
    return Radiomics(settings, engine=identity["engine"], block=block)


def _deep(block: str, identity: Mapping[str, Any]) -> FeatureExtractor | None:
    from tumor_response.features.deep import Augmentation, DeepFeatures, ViewSettings
    from tumor_response.features.deep.weights import PACKAGED

    source = str(identity["weights_source"])
    package = PACKAGED.get(identity["backbone"])
    if package is not None and source.startswith(package.distribution):
        source = "packaged"
    elif not source.startswith("random:"):
        return None
    moved = identity["augmentation"]
    return DeepFeatures(
        identity["backbone"],
        weights=source,
        weights_sha256=identity["weights_sha256"],
        layers=identity["layers"],
        views=ViewSettings(**identity["views"]),
        pooling=identity["pooling"],
        augmentation=None if moved is None else Augmentation(**moved),
        input_px=identity["input_px"],
        backend=identity["backend"],
        device=identity["device"]["kind"],
        block=block,
    )


def _encoder(block: str, identity: Mapping[str, Any]) -> FeatureExtractor | None:
    from tumor_response.features.deep.encoders import EncoderFeatures

    return EncoderFeatures.from_identity(block, identity)


def _clinical(block: str, identity: Mapping[str, Any]) -> FeatureExtractor:
    from tumor_response.features.clinical import ClinicalFactors

    settings = identity["settings"]
    return ClinicalFactors(settings["numeric"], categories=settings["categories"], block=block)


_MAKERS: dict[str, Callable[[str, Mapping[str, Any]], FeatureExtractor | None]] = {
    "radiomics": _radiomics,
    "deep": _deep,
    "encoder": _encoder,
    "clinical": _clinical,
}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
