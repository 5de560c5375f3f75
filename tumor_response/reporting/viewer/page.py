"""``attention_viewer``: a cohort's maps as one page that loads nothing from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tumor_response._version import __version__
from tumor_response.exceptions import SettingsError
from tumor_response.privacy import Pseudonyms
from tumor_response.reporting.rendering import rendered, script, write_whole
from tumor_response.reporting.viewer.choosing import chosen_lesions
from tumor_response.reporting.viewer.part import viewer_of
from tumor_response.reporting.viewer.settings import ViewerSettings

if TYPE_CHECKING:
    from tumor_response.cohort import Cohort
    from tumor_response.explanation.attention import AttentionMaps

__all__ = ["attention_viewer"]


def attention_viewer(
    maps: AttentionMaps,
    cohort: Cohort,
    path: str | Path,
    *,
    settings: ViewerSettings | None = None,
    title: str = "Attention maps",
    identified: bool = False,
    key_file: str | Path | None = None,
) -> Path:
    """Write maps over their CT as one HTML file, looked through slice by slice in a browser.

    The page loads nothing from anywhere and runs its own script alone. Slices of three planes,
    windows, opacity, map and contour are chosen by mouse or keyboard. Without JavaScript, and on
    paper, one slice of each lesion is shown. :func:`tumor_response.report` has the same viewer.

    Parameters
    ----------
    maps
        From :func:`tumor_response.attention`.
    cohort
        That the maps are of; its planning CTs and contours are read.
    path
        The file to write; its folder is made.
    settings
        How many lesions are shown, and how large; ``None``: the defaults.
    title
        Title of the page.
    identified
        Show ``patient_id``. By default patients bear keyed pseudonyms. The CT itself is on the
        page either way: a head can be recognised by its face.
    key_file
        The key of the pseudonyms; made if it is not there. Default:
        :func:`tumor_response.privacy.default_key_file`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ExplanationError
        Code ``unknown_lesion``: the cohort lacks a lesion that has a map; code ``map_grid``: a CT
        or a contour that lies on another grid than the map.
    SettingsError
        If ``path`` is a folder; code ``key_file`` if the key cannot be used.

    Examples
    --------
    >>> import tempfile, numpy as np, SimpleITK as sitk, tumor_response as tr
    >>> from tumor_response.explanation.attention.case_attention import CaseAttention
    >>> from tumor_response.explanation.attention.view_maps import ViewMaps
    >>> from tumor_response.features.deep.views import cut_views
    >>> image = sitk.Image(24, 24, 6, sitk.sitkInt16)
    >>> mask = sitk.Image(24, 24, 6, sitk.sitkUInt8); mask[8, 8, 2] = 1; image[8, 8, 2] = 100
    >>> settings = tr.ViewSettings(margin_mm=3)
    >>> views = cut_views(image, mask, settings, 16)
    >>> looked = ViewMaps(views.tumour, views.tumour, views.grids, np.ones(1), output=0.3)
    >>> maps = tr.AttentionMaps(
    ...     {("P1", "1"): CaseAttention.of_views(("P1", "1"), looked, image)}, "grad_cam",
    ...     "logistic", "out_of_bag", settings, settings_sha256="", provenance={})
    >>> cohort = tr.Cohort([tr.Case(patient_id="P1", lesion_id="1", image=image, mask=mask)])
    >>> path = tr.attention_viewer(maps, cohort, tempfile.mkdtemp() + "/maps.html", identified=True)
    >>> "P1, lesion 1" in path.read_text(encoding="utf-8")
    True
    """
    path = Path(path)
    if path.is_dir():
        raise SettingsError(f"attention_viewer: {path} is a folder; name a file in it.")
    settings = settings or ViewerSettings()
    names = None
    if not identified:
        shown = {patient for patient, _ in chosen_lesions(maps, settings)}
        names = Pseudonyms(key_file, apart_from=path.parent).of_all(sorted(shown))
    text = rendered(
        "attention.html.jinja",
        title=title,
        version=__version__,
        viewer=viewer_of(maps, cohort, names, settings),
        scripts=[script("viewer.js")],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
    return path
