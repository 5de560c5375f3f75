"""What can be refused before the first voxel is read."""

from __future__ import annotations

from dataclasses import replace

from tumor_response.cohort import Cohort
from tumor_response.exceptions import FeatureError
from tumor_response.features.base import FeatureExtractor, FeatureSpec

__all__ = ["checked_specs"]

_TRAVELS = ("site", "date")


def checked_specs(cohort: Cohort, extractors: list[FeatureExtractor]) -> list[list[FeatureSpec]]:
    """Return every extractor's columns.

    Raises
    ------
    FeatureError
        For what is no extractor, two that write to one block, columns outside of their block
        (code ``columns``), a clinical variable that the manifest does not have
        (``clinical_column_missing``), that is known only afterwards (``not_a_predictor``) or that
        is a number for nobody (``clinical_not_numeric``).
    """
    if not extractors:
        raise FeatureError("extract: no extractor given; for example [tr.Radiomics('minimal')].")
    for extractor in extractors:
        if not isinstance(extractor, FeatureExtractor):
            raise FeatureError(
                f"extract: {extractor!r} is no extractor; expected tr.Radiomics(...), "
                "tr.DeepFeatures(...), tr.ClinicalFactors(...) or an object with block, variables, "
                "required_variables, cacheable, identity(), feature_specs() and extract(case)."
            )
    blocks = [extractor.block for extractor in extractors]
    twice = sorted({block for block in blocks if blocks.count(block) > 1})
    if twice:
        raise FeatureError(
            f"Two extractors write to block {', '.join(map(repr, twice))}; give one of them "
            "another block=.",
            code="block_collision",
        )
    for extractor in extractors:
        _check_variables_are_there(cohort, extractor)
    specs = [_with_roles(cohort, extractor) for extractor in extractors]
    for extractor, block in zip(extractors, specs, strict=True):
        _check_columns(extractor, block)
        _check_numbers(cohort, extractor, block)
    return specs


def _check_variables_are_there(cohort: Cohort, extractor: FeatureExtractor) -> None:
    absent = [n for n in extractor.required_variables if n not in cohort.variables]
    if not absent:
        return
    late = [f"{name} ({cohort.roles[name]})" for name in absent if name in cohort.roles]
    if late:
        raise FeatureError(
            f"Known only after treatment has begun, so no predictors: {', '.join(late)}. A "
            "predictor's role is baseline or planned; if the role is wrong, declare it with "
            "roles={...} where the cohort is made.",
            code="not_a_predictor",
        )
    hint = ""
    if any(name in _TRAVELS for name in absent):
        hint = f" {' and '.join(_TRAVELS)} travel with the table as meta__ columns."
    elif any("," in name for name in absent):
        hint = " Name several columns one by one, not with commas."
    raise FeatureError(
        f"The manifest has no clinical column {', '.join(map(repr, absent))}; it has: "
        f"{', '.join(cohort.variables) or 'none'}.{hint}",
        code="clinical_column_missing",
    )


def _with_roles(cohort: Cohort, extractor: FeatureExtractor) -> list[FeatureSpec]:
    """Return the extractor's columns, those made of a clinical variable with its role."""
    roles = {f"{extractor.block}__{name}": cohort.roles.get(name) for name in extractor.variables}
    return [
        replace(spec, role=roles.get(spec.column) or spec.role)
        for spec in extractor.feature_specs()
    ]


def _check_columns(extractor: FeatureExtractor, specs: list[FeatureSpec]) -> None:
    names = [spec.column for spec in specs]
    if not names:
        what = "there are none"
    elif foreign := [n for n in names if not n.startswith(f"{extractor.block}__")]:
        what = f"column {foreign[0]!r} does not begin with it"
    elif len(set(names)) < len(names):
        what = "a name is repeated"
    else:
        return
    raise FeatureError(
        f"The columns of block {extractor.block!r} are not its own: {what}.", code="columns"
    )


def _check_numbers(cohort: Cohort, extractor: FeatureExtractor, specs: list[FeatureSpec]) -> None:
    """Refuse a numeric variable that holds text for everybody: a unit, a decimal comma, a slip."""
    numeric = {spec.column for spec in specs if not spec.categories}
    for name in extractor.required_variables:
        if f"{extractor.block}__{name}" not in numeric:
            continue
        given = [case.variables.get(name) for case in cohort]
        texts = [value for value in given if isinstance(value, str)]
        if texts and not any(isinstance(value, float) for value in given):
            raise FeatureError(
                f"{name} is declared numeric, but none of its {len(texts)} values is a number "
                f"(the first: {texts[0]!r}). Decimal commas are understood in a manifest "
                "separated by semicolons; a variable of text needs "
                f"categories={{{name!r}: [...]}}.",
                code="clinical_not_numeric",
            )
