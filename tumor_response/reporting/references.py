"""What a paper that uses a report has to cite: the methods that were used in it, as BibTeX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tumor_response._version import __version__
from tumor_response.evaluation.checklists.model_facts import step_names

if TYPE_CHECKING:
    from tumor_response.evaluation import EvaluationResult
    from tumor_response.reporting.given import Given

__all__ = ["bibtex", "references_used"]

_LIBRARY = {
    "kind": "software",
    "author": "{The tumor_response developers}",
    "title": "tumor_response",
    "version": __version__,
    "year": "2026",
}

_ENTRIES: dict[str, dict[str, str]] = {
    "efron1997": {
        "kind": "article",
        "author": "Efron, Bradley and Tibshirani, Robert",
        "title": "Improvements on Cross-Validation: The .632+ Bootstrap Method",
        "journal": "Journal of the American Statistical Association",
        "volume": "92",
        "pages": "548--560",
        "year": "1997",
        "doi": "10.1080/01621459.1997.10474007",
    },
    "pedregosa2011": {
        "kind": "article",
        "author": "Pedregosa, Fabian and others",
        "title": "Scikit-learn: Machine Learning in {Python}",
        "journal": "Journal of Machine Learning Research",
        "volume": "12",
        "pages": "2825--2830",
        "year": "2011",
    },
    "chen2016": {
        "kind": "inproceedings",
        "author": "Chen, Tianqi and Guestrin, Carlos",
        "title": "{XGBoost}: A Scalable Tree Boosting System",
        "booktitle": "Proceedings of the 22nd ACM SIGKDD International Conference on Knowledge "
        "Discovery and Data Mining",
        "pages": "785--794",
        "year": "2016",
        "doi": "10.1145/2939672.2939785",
    },
    "tsamardinos2018": {
        "kind": "article",
        "author": "Tsamardinos, Ioannis and Greasidou, Elissavet and Borboudakis, Giorgos",
        "title": "Bootstrapping the Out-of-Sample Predictions for Efficient and Accurate "
        "Cross-Validation",
        "journal": "Machine Learning",
        "volume": "107",
        "pages": "1895--1922",
        "year": "2018",
        "doi": "10.1007/s10994-018-5714-4",
    },
    "vickers2006": {
        "kind": "article",
        "author": "Vickers, Andrew J. and Elkin, Elena B.",
        "title": "Decision Curve Analysis: A Novel Method for Evaluating Prediction Models",
        "journal": "Medical Decision Making",
        "volume": "26",
        "pages": "565--574",
        "year": "2006",
        "doi": "10.1177/0272989X06295361",
    },
    "cox1958": {
        "kind": "article",
        "author": "Cox, D. R.",
        "title": "Two Further Applications of a Model for Binary Regression",
        "journal": "Biometrika",
        "volume": "45",
        "pages": "562--565",
        "year": "1958",
        "doi": "10.1093/biomet/45.3-4.562",
    },
    "austin2019": {
        "kind": "article",
        "author": "Austin, Peter C. and Steyerberg, Ewout W.",
        "title": "The {Integrated Calibration Index} ({ICI}) and Related Metrics for Quantifying "
        "the Calibration of Logistic Regression Models",
        "journal": "Statistics in Medicine",
        "volume": "38",
        "pages": "4051--4065",
        "year": "2019",
        "doi": "10.1002/sim.8281",
    },
    "holm1979": {
        "kind": "article",
        "author": "Holm, Sture",
        "title": "A Simple Sequentially Rejective Multiple Test Procedure",
        "journal": "Scandinavian Journal of Statistics",
        "volume": "6",
        "pages": "65--70",
        "year": "1979",
    },
    "paule1982": {
        "kind": "article",
        "author": "Paule, Robert C. and Mandel, John",
        "title": "Consensus Values and Weighting Factors",
        "journal": "Journal of Research of the National Bureau of Standards",
        "volume": "87",
        "pages": "377--385",
        "year": "1982",
    },
    "phipson2010": {
        "kind": "article",
        "author": "Phipson, Belinda and Smyth, Gordon K.",
        "title": "Permutation P-Values Should Never Be Zero: Calculating Exact P-Values When "
        "Permutations Are Randomly Drawn",
        "journal": "Statistical Applications in Genetics and Molecular Biology",
        "volume": "9",
        "pages": "39",
        "year": "2010",
        "doi": "10.2202/1544-6115.1585",
    },
    "janes2009": {
        "kind": "article",
        "author": "Janes, Holly and Pepe, Margaret S.",
        "title": "Adjusting for Covariate Effects on Classification Accuracy Using the "
        "Covariate-Adjusted Receiver Operating Characteristic Curve",
        "journal": "Biometrika",
        "volume": "96",
        "pages": "371--382",
        "year": "2009",
        "doi": "10.1093/biomet/asp002",
    },
    "johnson2007": {
        "kind": "article",
        "author": "Johnson, W. Evan and Li, Cheng and Rabinovic, Ariel",
        "title": "Adjusting Batch Effects in Microarray Expression Data Using Empirical {Bayes} "
        "Methods",
        "journal": "Biostatistics",
        "volume": "8",
        "pages": "118--127",
        "year": "2007",
        "doi": "10.1093/biostatistics/kxj037",
    },
    "koo2016": {
        "kind": "article",
        "author": "Koo, Terry K. and Li, Mae Y.",
        "title": "A Guideline of Selecting and Reporting Intraclass Correlation Coefficients for "
        "Reliability Research",
        "journal": "Journal of Chiropractic Medicine",
        "volume": "15",
        "pages": "155--163",
        "year": "2016",
        "doi": "10.1016/j.jcm.2016.02.012",
    },
    "lundberg2017": {
        "kind": "inproceedings",
        "author": "Lundberg, Scott M. and Lee, Su-In",
        "title": "A Unified Approach to Interpreting Model Predictions",
        "booktitle": "Advances in Neural Information Processing Systems",
        "volume": "30",
        "pages": "4765--4774",
        "year": "2017",
    },
    "adebayo2018": {
        "kind": "inproceedings",
        "author": "Adebayo, Julius and Gilmer, Justin and Muelly, Michael and Goodfellow, Ian and "
        "Hardt, Moritz and Kim, Been",
        "title": "Sanity Checks for Saliency Maps",
        "booktitle": "Advances in Neural Information Processing Systems",
        "volume": "31",
        "year": "2018",
    },
    "vangriethuysen2017": {
        "kind": "article",
        "author": "van Griethuysen, Joost J. M. and others",
        "title": "Computational Radiomics System to Decode the Radiographic Phenotype",
        "journal": "Cancer Research",
        "volume": "77",
        "pages": "e104--e107",
        "year": "2017",
        "doi": "10.1158/0008-5472.CAN-17-0339",
    },
    "zwanenburg2020": {
        "kind": "article",
        "author": "Zwanenburg, Alex and others",
        "title": "The {Image Biomarker Standardization Initiative}: Standardized Quantitative "
        "Radiomics for High-Throughput Image-Based Phenotyping",
        "journal": "Radiology",
        "volume": "295",
        "pages": "328--338",
        "year": "2020",
        "doi": "10.1148/radiol.2020191145",
    },
    "wightman2019": {
        "kind": "software",
        "author": "Wightman, Ross",
        "title": "{PyTorch} Image Models (timm)",
        "year": "2019",
        "doi": "10.5281/zenodo.4414861",
    },
    "collins2024": {
        "kind": "article",
        "author": "Collins, Gary S. and others",
        "title": "{TRIPOD+AI} Statement: Updated Guidance for Reporting Clinical Prediction Models "
        "That Use Regression or Machine Learning Methods",
        "journal": "BMJ",
        "volume": "385",
        "pages": "e078378",
        "year": "2024",
        "doi": "10.1136/bmj-2023-078378",
    },
    "kocak2023": {
        "kind": "article",
        "author": "Kocak, Burak and others",
        "title": "CheckList for EvaluAtion of Radiomics Research ({CLEAR}): A Step-by-Step "
        "Reporting Guideline for Authors and Reviewers Endorsed by {ESR} and {EuSoMII}",
        "journal": "Insights into Imaging",
        "volume": "14",
        "pages": "75",
        "year": "2023",
        "doi": "10.1186/s13244-023-01415-8",
    },
    "kocak2024": {
        "kind": "article",
        "author": "Kocak, Burak and others",
        "title": "METhodological RadiomICs Score ({METRICS}): A Quality Scoring Tool for Radiomics "
        "Research Endorsed by {EuSoMII}",
        "journal": "Insights into Imaging",
        "volume": "15",
        "pages": "8",
        "year": "2024",
        "doi": "10.1186/s13244-023-01572-w",
    },
}


def references_used(result: EvaluationResult, given: Given, several: bool) -> list[str]:
    """Return the keys of what was used, in the order of the entries.

    Parameters
    ----------
    result, given
        The evaluation, and what the report was given.
    several
        Whether a best of several configurations was corrected.
    """
    steps = {step for model in result.rows.models.values() for step in step_names(model)}
    extractors = {} if given.table is None else given.table.provenance.get("extractors", {})
    kinds = {str(one.get("extractor", "")) for one in extractors.values()}
    programs = {name for one in extractors.values() for name in one.get("versions", {})}
    probable = any(result.is_probability.values())
    used = {
        "efron1997": True,
        "pedregosa2011": True,
        "chen2016": any("XGB" in step or "Boosted" in step for step in steps),
        "tsamardinos2018": several or given.ablation is not None,
        "vickers2006": probable,
        "cox1958": probable,
        "austin2019": probable,
        "holm1979": given.ablation is not None,
        "paule1982": given.coupling is not None or given.uncertainty is not None,
        "phipson2010": bool(given.evidence.controls),
        "janes2009": bool(given.checks),
        "johnson2007": any("ComBat" in step for step in steps),
        "koo2016": bool(given.evidence.robustness),
        "lundberg2017": bool(given.explained.shap),
        "adebayo2018": bool(given.explained.sanity),
        "vangriethuysen2017": any("pyradiomics" in name for name in programs),
        "zwanenburg2020": "radiomics" in kinds,
        "wightman2019": "timm" in programs,
        "collins2024": True,
        "kocak2023": True,
        "kocak2024": True,
    }
    return [key for key in _ENTRIES if used[key]]


def bibtex(keys: list[str]) -> str:
    """Return the entries of these keys, the library's own first.

    Examples
    --------
    >>> print(bibtex([]).splitlines()[0])
    @software{tumor_response,
    """
    entries = {"tumor_response": _LIBRARY, **{key: _ENTRIES[key] for key in keys}}
    return "\n".join(_entry(key, fields) for key, fields in entries.items())


def _entry(key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if name != "kind"]
    return "\n".join([f"@{fields['kind']}{{{key},", *lines, "}", ""])
