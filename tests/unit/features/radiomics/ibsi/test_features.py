"""The catalogue of features."""

from __future__ import annotations

import re

import pytest

from tumor_response.features.radiomics.codes import IBSI_CODES
from tumor_response.features.radiomics.ibsi.features import CATALOGUE, tags_of
from tumor_response.features.radiomics.ibsi.settings import IbsiSettings

FLAT, VOLUME = (IbsiSettings(dimension=d, bin_size=1) for d in ("2d", "3d"))


def test_codes_look_like_codes() -> None:
    for feature in CATALOGUE.values():
        codes = [feature.code, feature.family_code, feature.aggregation_code or "XXXX"]
        assert all(re.fullmatch("[0-9A-Z]{4}", code) for code in codes), feature


def test_a_code_and_a_name_belong_together() -> None:
    """But for the two intensity-volume features that IBSI has at 10 and at 90 %."""
    names: dict[str, set[tuple[str, str]]] = {}
    for feature in CATALOGUE.values():
        names.setdefault(feature.code, set()).add((feature.family, feature.name))
    assert {code for code, found in names.items() if len(found) > 1} == {"BC2M", "GBPN"}


def test_the_codes_that_pyradiomics_columns_carry_are_known() -> None:
    assert set(IBSI_CODES.values()) <= {feature.code for feature in CATALOGUE.values()}


@pytest.mark.parametrize(
    ("ours", "tag"),
    [
        ("glcm_SumSquares", "cm_joint_var_3D_avg"),
        ("gldm_DependenceNonUniformityNormalized", "ngl_dcnu_norm_3D"),
        ("glszm_ZoneEntropy", "szm_zs_entr_3D"),
        ("firstorder_Entropy", "ih_entropy"),
        ("firstorder_Kurtosis", "stat_kurt"),
    ],
)
def test_both_conventions_share_codes(ours: str, tag: str) -> None:
    assert IBSI_CODES[ours] == CATALOGUE[tag].code


def test_dimension_decides_the_aggregations() -> None:
    flat, volume = tags_of(FLAT), tags_of(VOLUME)
    shared = set(flat) & set(volume)
    assert set(flat) | set(volume) == set(CATALOGUE)
    assert all(not CATALOGUE[tag].aggregation for tag in shared)
    assert all("_3D" in tag for tag in set(volume) - shared)
    assert all("_2D" in tag or "_2_5D" in tag for tag in set(flat) - shared)


def test_tags_come_in_the_order_of_the_catalogue() -> None:
    order = list(CATALOGUE)
    for tags in (tags_of(FLAT), tags_of(VOLUME)):
        assert tags == sorted(tags, key=order.index)
