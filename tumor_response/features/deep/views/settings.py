"""What can be chosen about the views."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from tumor_response.settings import Settings

__all__ = ["WINDOWS_HU", "Plane", "Range", "ViewSettings"]

Plane = Literal["axial", "sagittal", "coronal"]
Range = tuple[float, float]
_Positive = Annotated[float, Field(gt=0)]

WINDOWS_HU: dict[str, Range] = {
    "soft_tissue": (-160.0, 240.0),
    "bone": (-500.0, 1300.0),
    "lung": (-1350.0, 150.0),
}
"""Windows by name: centre 40 and width 400, centre 400 and width 1800, centre -600 and width
1500 HU."""

_CROPS = ("margin_mm", "field_of_view_mm", "tumour_share")
_INTENSITIES = ("window_hu", "percentiles", "suv")


class ViewSettings(Settings):
    """Which slices, how much around the tumour, what is masked, and which intensities.

    A setting that belongs to a choice that was not made stays ``None``; to give it is an error.

    Parameters
    ----------
    slices
        ``"equally_spaced"``: ``n_slices`` through the tumour, the middles of equal parts (a
        tumour on fewer slices gives fewer); ``"largest"``: the one with the largest area of
        tumour; ``"all"`` with tumour; ``"orthogonal"``: an axial, a sagittal and a coronal one
        through the centroid (the slice with tumour that is nearest to it).
    n_slices
        For ``"equally_spaced"``; 5 by default.
    plane
        ``"axial"`` (default), ``"sagittal"`` or ``"coronal"``, by the direction of the image's
        axes in the patient, never by the order of an array's axes. None with ``"orthogonal"``.
    max_tilt_degrees
        Views follow the image's own slices, so that nothing is interpolated across them. An image
        whose axes are turned against the patient's by more than this is refused.
    neighbours_mm
        2.5-D: the three channels are the slice and its neighbours at this distance before and
        behind it. ``None``: the slice alone.
    margin_mm
        Tissue around the tumour's bounding box, 10 mm by default; the square is scaled to the
        network's input. Size is still told, by the tumour's share of the view and by its scale.
    field_of_view_mm
        A fixed side instead: size is visible.
    tumour_share
        The tumour's longest side takes this share of the view's, whatever its size in mm. Its
        outline then tells nothing of size; the grain of the image and the anatomy around it, which
        are magnified with it, do (measured in the guide on views).
    if_larger
        A tumour wider than ``field_of_view_mm`` is refused (``"refuse"``, default), gets a field
        of view that it just fits (``"scale"``), or is cut off around its centre (``"centre"``).
        The latter two are told in ``failures`` for each case.
    padding_value
        Intensity beyond the image's border. ``None``: air, -1000 HU, with ``window_hu``; black
        with ``percentiles`` and ``suv``.
    masking
        ``"whole"``: everything is seen; ``"tumour"``: nothing but the tumour; ``"context"``:
        everything but the tumour.
    rim_mm
        What counts as tumour for ``masking`` is widened to the voxels with their centre this
        close to a tumour voxel's centre, in three dimensions.
    fill_value
        Intensity in place of what is masked. ``None``: as with ``padding_value``.
    window_hu
        For CT: the intensities mapped to black and white; what is beyond is clipped. A name
        (``"soft_tissue"``, ``"bone"``, ``"lung"``) or two numbers; or three of these for the three
        channels. Soft tissue by default.
    percentiles
        For MR: two percentiles of the intensities mapped to black and white.
    percentiles_of
        Of which voxels: ``"image"`` (default, all), ``"foreground"`` (those above the image's
        mean), ``"tumour"``.
    suv
        For PET: the standardised uptake values mapped to black and white.

    Raises
    ------
    SettingsError
        For values out of range, and for those that contradict each other.

    Examples
    --------
    >>> import tumor_response as tr
    >>> tr.ViewSettings(field_of_view_mm=96).window_hu
    (-160.0, 240.0)
    >>> tr.ViewSettings(slices="largest", window_hu=("soft_tissue", "bone", "lung")).n_channels
    3
    >>> tr.ViewSettings(masking="tumour", rim_mm=5, percentiles=(1, 99)).percentiles_of
    'image'
    """

    slices: Literal["equally_spaced", "largest", "all", "orthogonal"] = "equally_spaced"
    n_slices: int | None = Field(default=None, ge=1)
    plane: Plane | None = None
    max_tilt_degrees: float = Field(default=30.0, ge=0, le=45)
    neighbours_mm: _Positive | None = None
    margin_mm: float | None = Field(default=None, ge=0)
    field_of_view_mm: _Positive | None = None
    tumour_share: float | None = Field(default=None, gt=0, le=1)
    if_larger: Literal["refuse", "scale", "centre"] | None = None
    padding_value: float | None = None
    masking: Literal["whole", "tumour", "context"] = "whole"
    rim_mm: float | None = Field(default=None, ge=0)
    fill_value: float | None = None
    window_hu: Range | tuple[Range, Range, Range] | None = None
    percentiles: Range | None = None
    percentiles_of: Literal["image", "foreground", "tumour"] | None = None
    suv: Range | None = None

    @model_validator(mode="before")
    @classmethod
    def _choices(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fill in what belongs to the choices that were made; ``None`` is as good as not given."""
        given = {name: value for name, value in values.items() if value is not None}
        if not any(name in given for name in _CROPS):
            given["margin_mm"] = 10.0
        if not any(name in given for name in _INTENSITIES):
            given["window_hu"] = "soft_tissue"
        if "window_hu" in given:
            given["window_hu"] = _by_name(given["window_hu"])
        slices = given.get("slices", "equally_spaced")
        belongs = {
            "n_slices": (slices == "equally_spaced", 5),
            "plane": (slices != "orthogonal", "axial"),
            "if_larger": ("field_of_view_mm" in given, "refuse"),
            "rim_mm": (given.get("masking", "whole") != "whole", 0.0),
            "percentiles_of": ("percentiles" in given, "image"),
        }
        for name, (chosen, default) in belongs.items():
            if chosen:
                given.setdefault(name, default)
        return given

    @model_validator(mode="after")
    def _check(self) -> Self:
        _one_of(self, _CROPS)
        _one_of(self, _INTENSITIES)
        for name, owner in (
            ("n_slices", self.slices == "equally_spaced" or "slices='equally_spaced'"),
            ("plane", self.slices != "orthogonal" or "other slices than 'orthogonal'"),
            ("if_larger", self.field_of_view_mm is not None or "field_of_view_mm"),
            ("rim_mm", self.masking != "whole" or "masking='tumour' or 'context'"),
            ("fill_value", self.masking != "whole" or "masking='tumour' or 'context'"),
            ("percentiles_of", self.percentiles is not None or "percentiles"),
        ):
            if owner is not True and getattr(self, name) is not None:
                raise ValueError(f"{name} belongs to {owner}")
        for name, ranges in (
            ("window_hu", self.windows_hu),
            ("percentiles", (self.percentiles,)),
            ("suv", (self.suv,)),
        ):
            if any(r is not None and not r[0] < r[1] for r in ranges):
                raise ValueError(f"{name}: the first value must be below the second")
        if self.percentiles and not 0 <= self.percentiles[0] < self.percentiles[1] <= 100:
            raise ValueError("percentiles: expected 0 <= first < second <= 100")
        if self.neighbours_mm is not None and len(self.windows_hu) > 1:
            raise ValueError("neighbours_mm takes the three channels; give one window_hu")
        return self

    @property
    def windows_hu(self) -> tuple[Range, ...]:
        """The windows one by one: one, three, or none if ``window_hu`` was not chosen."""
        match self.window_hu:
            case None:
                return ()
            case (float() as low, float() as high):
                return ((low, high),)
            case several:
                return several

    @property
    def n_channels(self) -> int:
        """Channels of a view: 1 or 3."""
        return 3 if self.neighbours_mm is not None else max(1, len(self.windows_hu))


def _one_of(settings: ViewSettings, names: tuple[str, ...]) -> None:
    given = [name for name in names if getattr(settings, name) is not None]
    if len(given) != 1:
        raise ValueError(f"{' and '.join(given)} exclude each other; give one")


def _by_name(window: Any) -> Any:
    if isinstance(window, str):
        if window not in WINDOWS_HU:
            raise ValueError(f"window_hu: {window!r} is none of {', '.join(WINDOWS_HU)}")
        return WINDOWS_HU[window]
    if isinstance(window, (list, tuple)):
        return tuple(_by_name(part) for part in window)
    return window
