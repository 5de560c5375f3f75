"""Suggestions after TG-263 are right or absent."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumor_response.imaging.dicom.archive.names import _BOTH, _ORGANS, suggest_tg263

# standard names as TG-263 prints them (Mayo et al. 2018, tables and appendix)
STANDARD = [
    *("GTV", "GTVp", "GTVn", "GTVp1", "GTVn2", "CTV", "CTVp", "CTVn", "PTV", "PTVp", "PTVn", "ITV"),
    *("IGTV", "IGTVp", "ICTV", "PTV_High", "PTV_Mid", "PTV_Low", "PTV_5040", "PTVp_5040"),
    *("PTV_50p4Gy", "PTVp1_5040", "Brainstem", "SpinalCord", "SpinalCord_PRV05", "Parotids"),
    *("Brainstem_PRV03", "OpticNrv_L", "OpticNrv_R", "OpticNrv_PRV03_L", "OpticChiasm"),
    *("Parotid_L", "Parotid_R", "Glnd_Submand_L", "Bone_Mandible", "Cavity_Oral", "Larynx"),
    *("Esophagus", "Glnd_Thyroid", "Cochlea_L", "Lens_R", "Eye_L", "Lungs", "Lung_L", "Kidneys"),
    *("Kidney_R", "Heart", "Liver", "Bladder", "Rectum", "Femur_Head_L", "Bowel_Small"),
    *("Bag_Bowel", "PenileBulb", "External", "A_Carotid_L", "BrachialPlex_R", "Musc_Constrict"),
    *("Lobe_Temporal_L", "Pituitary", "SeminalVes", "Colon_Sigmoid"),
]

WRITTEN = {
    "gtv t boost": "GTVp",
    "GTV-T": "GTVp",
    "GTV Primary Tumour": "GTVp",
    "gtv_nodal": "GTVn",
    "GTV LN 3": "GTVn3",
    "GTV_Mass_CT": "GTV",
    "gtv 1": "GTV1",
    "PTV70": "PTV_70Gy",
    "PTV 54.12 Gy": "PTV_54p12Gy",
    "PTV 54,12": "PTV_54p12Gy",
    "ptv_7000 cGy": "PTV_7000",
    "CTV high risk": "CTV_High",
    "CTVn low dose": "CTVn_Low",
    "Lt Parotid": "Parotid_L",
    "parotid gland right": "Parotid_R",
    "ParotidL": "Parotid_L",
    "LtParotid": "Parotid_L",
    "PAROTIS LI": "Parotid_L",
    "Spinal_Cord": "SpinalCord",
    "CORD": "SpinalCord",
    "Rückenmark": "SpinalCord",
    "cord PRV 5 mm": "SpinalCord_PRV05",
    "PRV Brain Stem": "Brainstem_PRV",
    "both lungs": "Lungs",
    "oral cavity": "Cavity_Oral",
    "BODY": "External",
    "Chiasma": "OpticChiasm",
    "L optic nerve": "OpticNrv_L",
    "oesophagus": "Esophagus",
}

UNSURE = [
    *("", " ", "1", "xyz", "parotid", "Lung", "optic nerve", "heart left", "Parotid L R"),
    *("PTV minus cord", "ptv-gtv", "GTV+5mm", "GTV-5mm", "ring PTV", "not gtv", "GTV old"),
    *("gtv p n", "GTV 15", "PTV boost", "PTV!", "GTV?", "gtv 1 2 3", "GTV left", "avoid cord"),
    *("cord PRV 3 5", "PTV 70 60", "GTVx", "CTV 99999999999 Gy", "lens", "dose 95%", "gtv pet"),
]


@pytest.mark.parametrize("name", STANDARD)
def test_a_standard_name_is_itself(name):
    assert suggest_tg263(name) == name


@pytest.mark.parametrize(("written", "expected"), WRITTEN.items())
def test_as_planners_write(written, expected):
    assert suggest_tg263(written) == expected


@pytest.mark.parametrize("name", UNSURE)
def test_nothing_is_said_when_unsure(name):
    assert suggest_tg263(name) == ""


def test_every_way_of_writing_in_the_table_means_its_organ():
    for name, paired, others in _ORGANS:
        for written in (name, *others):
            if paired:
                assert suggest_tg263(f"left {written}") == f"{name}_L"
                assert suggest_tg263(f"{written.upper()} RT") == f"{name}_R"
                assert suggest_tg263(written) == ""
            else:
                assert suggest_tg263(written) == name
    for both in _BOTH.values():
        assert suggest_tg263(both.upper()) == both


def test_no_way_of_writing_means_two_organs():
    written = [
        re.sub("[ _]", "", w.lower()) for name, _, others in _ORGANS for w in (name, *others)
    ]
    assert len(written) == len(set(written))


words = st.sampled_from(
    [
        *("gtv", "GTVp", "ptv", "CTVn", "70", "2", "50.4", "Gy", "cGy", "mm", "prv", "left", "R"),
        *("parotid", "cord", "Lungs", "spinal", "node", "boost", "high", "risk", "eye", "L", "-"),
    ]
)


@given(st.one_of(st.text(max_size=30), st.lists(words, max_size=5).map(" ".join)))
def test_a_suggestion_is_a_name_and_suggests_itself(name):
    found = suggest_tg263(name)
    assert found == "" or re.fullmatch(r"[A-Za-z0-9_]{1,24}", found)
    assert suggest_tg263(found) == found
    assert suggest_tg263(f"  {name} ") == found
