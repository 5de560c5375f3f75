"""What a structure's name would be after TG-263, where that can be said.

Mayo et al. 2018, AAPM Task Group 263: standardizing nomenclatures in radiation oncology. Int J
Radiat Oncol Biol Phys 100:1057-66. The names below are a part of its list: targets, and the
organs met in planning the head and neck, chest, abdomen and pelvis. A suggestion is made only
where every word of a name is understood; it is for a human to accept.
"""

from __future__ import annotations

import re

__all__ = ["suggest_tg263"]

# the standard name, whether it comes in pairs, and other ways to write it; the standard name
# itself is always understood
_ORGANS: tuple[tuple[str, bool, tuple[str, ...]], ...] = (
    ("A_Carotid", True, ("carotid artery", "carotid")),
    ("Bag_Bowel", False, ("bowel bag", "peritoneal cavity")),
    ("Bladder", False, ("urinary bladder", "vesica", "blase", "harnblase")),
    ("Bone_Mandible", False, ("mandible", "mandibula", "lower jaw", "unterkiefer")),
    ("Bowel", False, ("intestine", "intestines")),
    ("Bowel_Large", False, ("large bowel", "large intestine")),
    ("Bowel_Small", False, ("small bowel", "small intestine")),
    ("BrachialPlex", True, ("brachial plexus", "plexus brachialis")),
    ("Brain", False, ("gehirn", "whole brain")),
    ("Brainstem", False, ("truncus cerebri", "hirnstamm")),
    ("Breast", True, ("mamma",)),
    ("Canal_Anal", False, ("anal canal",)),
    ("Cavity_Oral", False, ("oral cavity", "mouth cavity")),
    ("Cerebellum", False, ("kleinhirn",)),
    ("Chestwall", True, ()),
    ("Cochlea", True, ("inner ear",)),
    ("Colon", False, ()),
    ("Colon_Sigmoid", False, ("sigmoid", "sigmoid colon", "sigma")),
    ("Cornea", True, ()),
    ("Duodenum", False, ()),
    ("Esophagus", False, ("oesophagus", "oesoph", "esoph", "eso")),
    ("External", False, ("body", "skin outer contour", "outer contour", "patient outline")),
    ("Eye", True, ("eyeball", "globe")),
    ("Femur_Head", True, ("femoral head", "head femur", "caput femoris")),
    ("Glnd_Lacrimal", True, ("lacrimal gland", "lacrimal")),
    ("Glnd_Submand", True, ("submandibular gland", "submandibular", "submand", "submandibula")),
    ("Glnd_Thyroid", False, ("thyroid", "thyroid gland", "thyreoidea", "schilddruse")),
    ("Glottis", False, ()),
    ("GreatVes", False, ("great vessels", "great vessel")),
    ("Heart", False, ("herz",)),
    ("Hippocampus", True, ()),
    ("Kidney", True, ("niere",)),
    ("Larynx", False, ("kehlkopf",)),
    ("Lens", True, ("eye lens", "lens eye", "linse")),
    ("Lips", False, ("lip",)),
    ("Liver", False, ("hepar", "leber")),
    ("Lobe_Temporal", True, ("temporal lobe",)),
    ("Lung", True, ("pulmo", "lunge")),
    ("Musc_Constrict", False, ("pharyngeal constrictor", "constrictor", "pharynx constrictor",
                               "pharyngeal constrictors", "pharyngeal constrictor muscle")),
    ("OpticChiasm", False, ("chiasm", "chiasma", "optic chiasma", "chiasma opticum")),
    ("OpticNrv", True, ("optic nerve", "nervus opticus", "opt nerve")),
    ("Pancreas", False, ()),
    ("Parotid", True, ("parotid gland", "parotis", "glandula parotis")),
    ("PenileBulb", False, ("bulb penis",)),
    ("Pharynx", False, ()),
    ("Pituitary", False, ("pituitary gland", "hypophysis", "hypophyse")),
    ("Prostate", False, ("prostata",)),
    ("Rectum", False, ("rektum",)),
    ("Retina", True, ()),
    ("SeminalVes", False, ("seminal vesicle", "seminal vesicles")),
    ("Skin", False, ()),
    ("SpinalCanal", False, ("vertebral canal",)),
    ("SpinalCord", False, ("cord", "myelon", "medulla spinalis", "spine cord",
                           "ruckenmark")),
    ("Spleen", False, ("lien", "milz")),
    ("Stomach", False, ("gaster", "magen")),
    ("Tongue", False, ("lingua",)),
    ("Trachea", False, ()),
)  # fmt: skip
_BOTH = {
    "Breast": "Breasts",
    "Eye": "Eyes",
    "Hippocampus": "Hippocampi",
    "Kidney": "Kidneys",
    "Lung": "Lungs",
    "Parotid": "Parotids",
}
_PLURALS = {
    **{plural.lower(): name.lower() for name, plural in _BOTH.items()},
    "nieren": "niere",
    "lungen": "lunge",
}
_SIDES = {
    **dict.fromkeys(("l", "lt", "left", "li", "links", "sin", "sinistra"), "L"),
    **dict.fromkeys(("r", "rt", "right", "re", "rechts", "dex", "dextra"), "R"),
    **dict.fromkeys(("both", "bilat", "bilateral", "total", "lr"), "both"),
}
_WITHOUT_MEANING = frozenset(
    (
        *("the", "final", "definitive", "planning", "plan", "contour", "structure", "roi"),
        *("tumor", "tumour", "mass", "ct"),
    )
)
_TARGETS = frozenset(("gtv", "ctv", "itv", "igtv", "ictv", "ptv"))
_PRIMARY = frozenset(("p", "t", "prim", "primary"))
_NODAL = frozenset(
    ("n", "node", "nodes", "nodal", "ln", "lns", "lymph", "lymphnode", "lymphnodes", "lk")
)
_RISK = {
    "high": "High", "mid": "Mid", "middle": "Mid", "intermediate": "Mid", "low": "Low",
}  # fmt: skip
_LEAST_DOSE_GY = 20.0  # below, a bare number counts lesions; between 10 and 20 it may be either
_MOST_COUNTED = 9
_LEAST_DOSE_CGY, _MOST_DOSE_GY = 1000.0, 100.0  # what prescriptions reach


def suggest_tg263(name: str) -> str:
    """Return the TG-263 name of a structure, ``""`` where it cannot be said with confidence.

    Parameters
    ----------
    name
        As the planner wrote it.

    Examples
    --------
    >>> [suggest_tg263(n) for n in ("gtv t boost", "GTV-N 2", "Lt Parotid", "cord PRV 5mm")]
    ['GTVp', 'GTVn2', 'Parotid_L', 'SpinalCord_PRV05']
    >>> suggest_tg263("PTV minus cord"), suggest_tg263("parotid")  # which one?
    ('', '')
    """
    words = _words(name)
    targets = [word for word in words if _split_target(word)]
    if len(targets) == 1 and words[0] == targets[0]:
        return _target(words)
    if targets:
        return ""
    return _organ(words)


def _words(name: str) -> list[str]:
    plain = name.strip().translate(str.maketrans("äöüÄÖÜ", "aouAOU"))
    plain = re.sub(r"(?<=\d)[,p](?=\d)", ".", plain)  # 50,4 and TG-263's own 50p4
    plain = re.sub(r"cgy", " cgy ", plain, flags=re.IGNORECASE)
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)  # LtParotid
    plain = re.sub(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", " ", plain)
    if re.search(r"[^\w\s.,/()\-^]|-\s*\d+\s*mm|\+", plain):
        return []  # operators: a structure made of others, which TG-263 names by hand
    return [word for word in re.split(r"[\s_,/()\-^]+", plain.lower()) if word.strip(".")]


def _split_target(word: str) -> tuple[str, str] | None:
    """Return target and class of a word such as ``gtvp`` or ``ptv``."""
    for length in (4, 3):
        head, rest = word[:length], word[length:]
        if head in _TARGETS and rest in ("", "p", "t", "n"):
            return head, rest
    return None


def _target(words: list[str]) -> str:
    split = _split_target(words[0])
    if split is None:
        return ""
    kinds = {"p" if split[1] == "t" else split[1]} - {""}
    count, suffixes = "", []
    rest = [word for word in words[1:] if word not in _WITHOUT_MEANING]
    if split[0] == "gtv":  # what can be seen is the same in a boost; a margin's target is another
        rest = [word for word in rest if word != "boost"]
    while rest:
        word = rest.pop(0)
        unit = rest.pop(0) if rest and rest[0] in ("gy", "cgy") else ""
        if unit and not re.fullmatch(r"\d+(\.\d+)?", word):
            return ""
        if word in _PRIMARY:
            kinds.add("p")
        elif word in _NODAL:
            kinds.add("n")
        elif word in _RISK:
            suffixes.append(_RISK[word])
            if rest and rest[0] in ("risk", "dose"):
                rest.pop(0)
        elif re.fullmatch(r"\d+(\.\d+)?", word):
            number = float(word)
            if not unit and word.isdecimal() and 1 <= number <= _MOST_COUNTED and not count:
                count = str(int(number))
            else:
                suffixes.append(_dose(number, unit))
        else:
            return ""
    if len(kinds) > 1 or len(suffixes) > 1 or "" in suffixes:
        return ""
    head = {"igtv": "IGTV", "ictv": "ICTV"}.get(split[0], split[0].upper())
    return "_".join([head + "".join(kinds) + count, *suffixes])


def _dose(number: float, unit: str) -> str:
    """Return a dose as TG-263 writes it: cGy bare, Gy with its unit, ``p`` for the point."""
    text = f"{number:g}".replace(".", "p")
    if unit == "gy" or (not unit and number < _LEAST_DOSE_CGY):
        least = 0.0 if unit else _LEAST_DOSE_GY
        return f"{text}Gy" if least <= number <= _MOST_DOSE_GY else ""
    return text if _LEAST_DOSE_CGY <= number < 100 * _MOST_DOSE_GY else ""


def _organ(words: list[str]) -> str:
    words = list(words)
    margin = ""
    if "prv" in words:
        words.remove("prv")
        numbers = [word for word in words if word.isdecimal()]
        words = [word for word in words if word != "mm" and not word.isdecimal()]
        if len(numbers) > 1:
            return ""
        margin = f"_PRV{int(numbers[0]):02d}" if numbers else "_PRV"
    sides = {_SIDES[word] for word in words if word in _SIDES}
    rest = [word for word in words if word not in _SIDES]
    if rest and rest[-1] in _PLURALS:
        rest[-1] = _PLURALS[rest[-1]]
        sides = sides or {"both"}
    found = _KNOWN.get("".join(rest))
    if found is None or len(sides) > 1:
        return ""
    name, paired = found
    side = next(iter(sides), "")
    if side == "both":
        named = _BOTH.get(name, "")
        return named + margin if named else ""
    if paired != bool(side):
        return ""  # a side where there is none, or one of two without saying which
    return name + margin + (f"_{side}" if side else "")


_KNOWN = {
    "".join(_words(written)): (name, paired)
    for name, paired, others in _ORGANS
    for written in (name, *others)
}
