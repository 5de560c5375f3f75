"""Chains, records and JSON: everything that is drawn can be said and made again."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from tests.unit.imaging.perturb.scans import ball, bytes_of, scan
from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging import Alteration, AlterationRule
from tumor_response.imaging.perturb import (
    ContourOffset,
    ContourVariation,
    DrawnChain,
    DrawnContourOffset,
    DrawnIntensityOffset,
    DrawnTranslation,
    ImageNoise,
    IntensityOffset,
    PerturbationChain,
    Rotation,
    SliceThickness,
    Translation,
    alteration_from_record,
    plausible_contours,
    rule_from_json,
    standard_perturbations,
)

SPACING = (1.0, 1.0, 2.0)
RULES = {
    **standard_perturbations(observer_sd_mm=1.5),
    "linear": Translation(max_mm=3.0, moves="contour", interpolator="linear", reach_mm=None),
    "tilted": Rotation(max_degrees=8.0, axis="left_right", reach_mm=20.0),
    "thick": SliceThickness(thickness_mm=5.0),
    "stated_noise": ImageNoise(sd_hu=4.0),
    "nested": PerturbationChain(
        [PerturbationChain([ImageNoise()]), ContourOffset(min_mm=1, max_mm=2)]
    ),
}


@pytest.fixture(scope="module")
def case():
    mask = ball(12.0, SPACING, room_mm=14.0)
    return scan(mask), mask


@pytest.mark.parametrize("name", RULES)
def test_a_draw_is_made_again_from_its_record(name, case) -> None:
    rule = RULES[name]
    assert isinstance(rule, AlterationRule)
    drawn = rule.draw(np.random.default_rng(7))
    assert isinstance(drawn, Alteration)
    record = json.loads(json.dumps(drawn.record()))
    again = alteration_from_record(record)
    assert again == drawn
    assert again.record() == drawn.record()
    image, mask = case
    before = bytes_of(image), bytes_of(mask)
    first = drawn.apply(image, mask)
    for other in (again, pickle.loads(pickle.dumps(drawn)), rule.draw(np.random.default_rng(7))):
        second = other.apply(image, mask)
        assert [bytes_of(one) for one in first] == [bytes_of(one) for one in second]
    assert (first[0] is image) == (not drawn.touches_image)
    assert rule.touches_image or not drawn.touches_image
    assert (bytes_of(image), bytes_of(mask)) == before
    assert rule.draw(np.random.default_rng(8)) != drawn


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_made_again_from_its_identity(name) -> None:
    rule = RULES[name]
    assert rule_from_json(json.dumps(rule.identity())) == rule
    assert rule_from_json(rule.identity()) == rule
    assert type(rule).from_json(rule.to_json()) == rule
    assert rule.draw(np.random.default_rng(1)) == rule_from_json(rule.identity()).draw(
        np.random.default_rng(1)
    )


def test_a_list_of_rules_is_a_chain() -> None:
    text = """[
        {"rule": "translation", "max_mm": 1.5},
        {"rule": "chain", "rules": [{"rule": "noise", "times_own": 0.5}]},
        {"rule": "contour_variation", "observer_sd_mm": 2}
    ]"""
    assert rule_from_json(text) == PerturbationChain(
        [
            Translation(max_mm=1.5),
            PerturbationChain([ImageNoise(times_own=0.5)]),
            ContourVariation(observer_sd_mm=2.0),
        ]
    )


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('{"rule": "translatoin", "max_mm": 1}', "did you mean 'translation'"),
        ('{"rule": "translation", "max_mmm": 1}', "did you mean 'max_mm'"),
        ('{"rule": "translation", "max_mm": -1}', "max_mm"),
        ('{"max_mm": 1}', "an object with 'rule'"),
        ('[{"rule": "noise", "times": 1}]', "did you mean 'times_own'"),
        ("[3]", "rules.0"),
        ("[]", "at least one"),
        ("3", "a list"),
        ('"noise"', "a list"),
        ("{", "not JSON"),
    ],
)
def test_what_is_no_rule_is_named(said, why) -> None:
    with pytest.raises(SettingsError, match=why):
        rule_from_json(said)


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"alteration": "contour_offset", "offset_mm": 1, "offset_hu": 2}, "offset_hu"),
        ({"alteration": "contour_offset"}, "offset_mm"),
        ({"alteration": "contour_ofset", "offset_mm": 1}, "did you mean 'contour_offset'"),
        ({"offset_mm": 1}, "an object with 'alteration'"),
        ({"alteration": "chain", "steps": [{"alteration": "noise", "seed": -1}]}, "seed"),
        ({"alteration": "chain", "steps": [], "order": 1}, "order"),
        ({"alteration": "noise", "seed": 2**53}, "seed"),
    ],
)
def test_what_is_no_record_is_named(record, why) -> None:
    with pytest.raises(SettingsError, match=why):
        alteration_from_record(record)


def test_a_chain_applies_one_after_the_other(case) -> None:
    image, mask = case
    first = DrawnTranslation(shift_mm=(0.4, 0.2, 0.7))
    then = DrawnContourOffset(offset_mm=1.0)
    chain = DrawnChain([first, then, DrawnIntensityOffset(offset_hu=5.0)])
    by_hand = then.apply(*first.apply(image, mask))
    found = chain.apply(image, mask)
    assert bytes_of(found[0]) == bytes_of(by_hand[0] + 5)
    assert bytes_of(found[1]) == bytes_of(by_hand[1])
    last = DrawnChain([DrawnContourOffset(offset_mm=-3.0), DrawnContourOffset(offset_mm=3.0)])
    opened = DrawnChain(last.steps[::-1])
    assert bytes_of(last.apply(image, mask)[1]) != bytes_of(opened.apply(image, mask)[1])


def test_contours_alone_in_a_chain_leave_the_image(case) -> None:
    image, mask = case
    chain = PerturbationChain(
        [plausible_contours(observer_sd_mm=1.0), ContourOffset(min_mm=0.5, max_mm=0.5)]
    )
    drawn = chain.draw(np.random.default_rng(0))
    assert not drawn.touches_image
    assert drawn.apply(image, mask)[0] is image


def test_one_more_rule_does_not_change_what_the_others_draw() -> None:
    short = PerturbationChain([Translation(max_mm=1.0), ImageNoise()])
    long = PerturbationChain([*short.rules, IntensityOffset(min_hu=-5, max_hu=5)])
    one, other = (rule.draw(np.random.default_rng(3)) for rule in (short, long))
    assert one.steps == other.steps[:2]


def test_the_step_that_empties_the_mask_is_named(case) -> None:
    image, mask = case
    chain = DrawnChain([DrawnContourOffset(offset_mm=-5.0), DrawnContourOffset(offset_mm=-9.0)])
    with pytest.raises(CaseError, match="outwards by -9 mm leaves no voxel") as raised:
        chain.apply(image, mask)
    assert raised.value.code == "mask_emptied"


def test_standard_perturbations_are_of_their_names() -> None:
    rules = standard_perturbations(observer_sd_mm=1.25)
    assert rules["contour"] == ContourVariation(observer_sd_mm=1.25)
    assert {name for name, rule in rules.items() if not rule.touches_image} == {
        "contour",
        "growth",
        "shrinkage",
    }
    drawn = [rules["growth"].draw(np.random.default_rng(k)).offset_mm for k in range(50)]
    assert min(drawn) >= 0
    drawn = [rules["shrinkage"].draw(np.random.default_rng(k)).offset_mm for k in range(50)]
    assert max(drawn) <= 0


def test_rules_cannot_be_changed() -> None:
    rule = Translation(max_mm=1.0)
    with pytest.raises(Exception, match="frozen"):
        rule.max_mm = 2.0
