"""The columns that follow from IBSI settings."""

from __future__ import annotations

from tumor_response.features.base import FeatureSpec
from tumor_response.features.radiomics.columns import RadiomicsColumn
from tumor_response.features.radiomics.ibsi.features import CATALOGUE, tags_of
from tumor_response.features.radiomics.ibsi.settings import IbsiSettings

__all__ = ["ibsi_columns_of"]


def ibsi_columns_of(settings: IbsiSettings, block: str) -> list[RadiomicsColumn]:
    """Return the columns that these settings give, whatever the image.

    A column is ``<block>__ibsi__<tag>``, with the tags of IBSI's own tables of reference values.

    Examples
    --------
    >>> from tumor_response.features.radiomics.ibsi.columns import ibsi_columns_of
    >>> from tumor_response.features.radiomics.ibsi.settings import CONFIGURATIONS
    >>> ibsi_columns_of(CONFIGURATIONS["ibsi_c"], "radiomics")[0].spec.column
    'radiomics__ibsi__morph_volume'
    """
    columns = []
    for tag in tags_of(settings):
        feature = CATALOGUE[tag]
        aggregation = f", {feature.aggregation} ({feature.aggregation_code})"
        columns.append(
            RadiomicsColumn(
                key=tag,
                spec=FeatureSpec(
                    column=f"{block}__ibsi__{tag}",
                    block=block,
                    family=f"ibsi {feature.family.lower()}",
                    role="baseline",
                    ibsi_code=feature.code,
                    unit=feature.unit,
                    description=(
                        f"{feature.name} ({feature.family.lower()}, IBSI's definition"
                        f"{aggregation if feature.aggregation else ''})."
                    ),
                    ibsi_name=feature.name,
                ),
            )
        )
    return columns
