"""One figure style for every plot, and figures as files in it: millimetres, colours, one font.

The style lives inside a context manager, so a user's global ``rcParams`` are never touched.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

from tumor_response.exceptions import SettingsError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


__all__ = [
    "BLOCK_COLOURS",
    "COLOURS",
    "CONTOUR",
    "DOUBLE_COLUMN_MM",
    "FORMATS",
    "NEUTRAL",
    "NON_RESPONDER",
    "RESPONDER",
    "SINGLE_COLUMN_MM",
    "Drawn",
    "Format",
    "block_colours",
    "broken_name",
    "figure_of",
    "figure_style",
    "legend_below",
    "mm_to_inch",
    "model_looks",
    "new_axes",
    "new_figure",
    "rendered",
    "save_figure",
    "wrapped",
]

Drawn: TypeAlias = "Axes | Figure | Sequence[Axes]"
"""What a plot returns: its axes, or the axes of its panels; or a whole figure."""

SINGLE_COLUMN_MM = 85.0
"""Width of one column: journals' lie near 85 to 90 mm."""

DOUBLE_COLUMN_MM = 180.0
"""Width of two columns with what is between them: journals' lie near 170 to 190 mm."""

COLOURS: tuple[str, ...] = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#000000",
)
"""Okabe and Ito (2008), distinguishable with every common colour vision deficiency; the yellow,
too pale for lines on white, is left out."""

NEUTRAL = "#6B6B6B"
"""Reference lines, ties, whatever is not data, and small print: 5.3 to 1 on white."""

RESPONDER, NON_RESPONDER = COLOURS[0], COLOURS[5]
"""Dark and light, so that they can be told apart in grey as well."""

CONTOUR = COLOURS[4]
"""Outlines of tumours on images."""

BLOCK_COLOURS: Mapping[str, str] = {
    "volume": COLOURS[6],
    "clinical": COLOURS[3],
    "radiomics": COLOURS[0],
    "deep": COLOURS[2],
}
"""The same block has the same colour in every figure, and so has the model of it alone."""

_BASELINES = {
    "volume_only": BLOCK_COLOURS["volume"],
    "clinical_only": BLOCK_COLOURS["clinical"],
    "dummy": NEUTRAL,
}
Place: TypeAlias = tuple[float, float, float, float]

_UNSET: Place = (0.1, 0.1, 0.8, 0.8)
_LAYOUTS = 2
"""Draws after which a layout has all but come to rest."""

_LINES: tuple[Any, ...] = ("-", (0, (4.5, 1.5)), (0, (5, 1.2, 1.2, 1.2)))

Format = Literal["svg", "png", "pdf"]
FORMATS: tuple[Format, ...] = get_args(Format)

_RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: same figure on every machine
    "font.size": 7.0,  # what most journals ask for at the least
    "axes.titlesize": 7.0,
    "axes.titlelocation": "left",
    "axes.labelsize": 7.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.0,
    "legend.title_fontsize": 7.0,
    "figure.titlesize": 7.0,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "hatch.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "figure.dpi": 150.0,
    "savefig.dpi": 300.0,
    "savefig.bbox": None,  # "tight" would change the size in mm
    "text.parse_math": False,  # a "$" in a name from a file starts no formula
    "svg.hashsalt": "tumor_response",  # the same figure gives the same bytes
    "svg.fonttype": "path",  # looks the same where the font is not installed
    "pdf.fonttype": 42,  # TrueType: text can be searched and edited; publishers refuse type 3
    "ps.fonttype": 42,
}


def mm_to_inch(length_mm: float) -> float:
    """Convert millimetres to the inches that matplotlib counts in.

    Examples
    --------
    >>> mm_to_inch(25.4)
    1.0
    """
    return length_mm / 25.4


@contextmanager
def figure_style() -> Iterator[None]:
    """Apply the library's figure style inside a ``with`` block and restore what was there.

    Make your own axes inside the block and give them to the plots, and panels of several plots
    look as one figure.

    Examples
    --------
    >>> import matplotlib
    >>> before = matplotlib.rcParams["font.size"]
    >>> with figure_style():
    ...     inside = matplotlib.rcParams["font.size"]
    >>> inside, matplotlib.rcParams["font.size"] == before
    (7.0, True)
    """
    from cycler import cycler
    from matplotlib import style

    own = {**_RC, "axes.prop_cycle": cycler(color=list(COLOURS))}
    # from the defaults, so that a user's matplotlibrc makes no other figure
    with style.context(["default", own]):
        yield


def new_figure(width_mm: float, height_mm: float) -> Figure:
    """Return a new pyplot figure of that size; call it inside :func:`figure_style`.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> with figure_style():
    ...     figure = new_figure(85, 60)
    >>> [round(float(side) * 25.4) for side in figure.get_size_inches()]
    [85, 60]
    >>> plt.close(figure)
    """
    import matplotlib.pyplot as plt

    size = (mm_to_inch(width_mm), mm_to_inch(height_mm))
    return plt.figure(figsize=size, layout="constrained")


def new_axes(width_mm: float = SINGLE_COLUMN_MM, height_mm: float = SINGLE_COLUMN_MM) -> Axes:
    """Return the axes of a new pyplot figure of that size; call it inside :func:`figure_style`."""
    return new_figure(width_mm, height_mm).add_subplot()


def figure_of(drawn: Drawn) -> Figure:
    """Return the figure that axes lie in, whatever lies between; of a figure itself.

    Raises
    ------
    SettingsError
        Code ``figure``: no axes, axes of several figures, or something else.
    """
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    if isinstance(drawn, Figure):
        return drawn
    axes = [drawn] if isinstance(drawn, Axes) else list(drawn) if _is_many(drawn) else []
    figures = {one.get_figure(root=True) for one in axes if isinstance(one, Axes)}
    if len(figures) != 1 or None in figures:
        raise SettingsError(
            f"Received {type(drawn).__name__} of {len(figures)} figures; expected a matplotlib "
            "figure, or the axes that a plot returned.",
            code="figure",
        )
    return cast("Figure", figures.pop())


def _is_many(drawn: object) -> bool:
    return hasattr(drawn, "__iter__") and not isinstance(drawn, str)


def save_figure(
    drawn: Drawn,
    path: str | Path,
    *,
    formats: Sequence[Format] = FORMATS,
    columns: Literal[1, 2] | None = None,
    height_mm: float | None = None,
    description: str = "",
) -> list[Path]:
    """Write a figure as SVG, PNG of 300 dpi and PDF, in millimetres; the same bytes every time.

    The files hold no date, and no name of a machine or user. PDF holds its text as text,
    with the font embedded (TrueType, type 42); SVG holds it as outlines, which look the same
    where the font is not installed.

    Parameters
    ----------
    drawn
        What a plot returned, its axes or several; or a figure. It stays open.
    path
        Without ending, such as ``"figures/roc"``: each format adds its own. The folder is made.
    formats
        Any of ``"svg"``, ``"png"``, ``"pdf"``.
    columns
        Make the figure as wide as one journal column, 85 mm, or two, 180 mm, before it is written.
        Texts stay at their size, and the layout makes room for them. By default it stays as it is.
    height_mm
        Its height; by default it stays as it is.
    description
        What the figure shows, for those who cannot see it; written into the files.

    Returns
    -------
    list of Path
        The files, in the order of ``formats``.

    Raises
    ------
    SettingsError
        For other ``formats`` or ``columns``, a height that is not positive, a path with the ending
        of a format or below a file; code ``figure`` for what is no figure.

    Examples
    --------
    >>> import tempfile, pandas as pd, tumor_response as tr
    >>> ax = tr.plot_waterfall(pd.DataFrame({"volume_change_percent": [-40.0, 10.0]}))
    >>> files = tr.save_figure(ax, tempfile.mkdtemp() + "/waterfall", columns=1)
    >>> [file.name for file in files]
    ['waterfall.svg', 'waterfall.png', 'waterfall.pdf']
    """
    path, formats = Path(path), list(formats)
    _check_saving(path, formats, columns, height_mm)
    figure = figure_of(drawn)
    width, height = before = float(figure.get_figwidth()), float(figure.get_figheight())
    if columns is not None:
        width = mm_to_inch(SINGLE_COLUMN_MM if columns == 1 else DOUBLE_COLUMN_MM)
    if height_mm is not None:
        height = mm_to_inch(height_mm)
    figure.set_size_inches(width, height)
    try:
        with _laid_out(figure):
            made = {kind: rendered(figure, kind, description) for kind in formats}
    finally:
        figure.set_size_inches(before)
    path.parent.mkdir(parents=True, exist_ok=True)
    files = [path.with_name(f"{path.name}.{kind}") for kind in made]
    for file, content in zip(files, made.values(), strict=True):
        file.write_bytes(content)
    return files


def _check_saving(
    path: Path, formats: Sequence[str], columns: int | None, height_mm: float | None
) -> None:
    if not formats or not set(formats) <= set(FORMATS):
        raise SettingsError(f"formats={formats!r}: expected some of {', '.join(FORMATS)}.")
    if columns not in (None, 1, 2):
        raise SettingsError(f"columns={columns!r}: expected 1, 2 or None.")
    if height_mm is not None and not height_mm > 0:
        raise SettingsError(f"height_mm={height_mm!r}: expected more than 0.")
    ending = path.suffix.removeprefix(".").lower()
    if ending in FORMATS:
        raise SettingsError(
            f"save_figure: {path} has an ending; give the name without it, and "
            f"formats={[ending]!r} if it is to be the only one."
        )
    if any(one.is_file() for one in path.parents):
        raise SettingsError(f"save_figure: {path} lies below a file; name a place in a folder.")


def rendered(figure: Figure, kind: Format, description: str = "") -> bytes:
    """Return a figure as the bytes of a file, without a date or a name."""
    # matplotlib writes its own name and the time where nothing is said of them
    metadata: dict[str, Any] = {
        "svg": {
            "Date": None,
            "Creator": None,
            **({"Description": description} if description else {}),
        },
        "png": {"Software": None, **({"Description": description} if description else {})},
        "pdf": {
            **dict.fromkeys(("CreationDate", "Creator", "Producer")),
            "Subject": description or None,
        },
    }[kind]
    buffer = io.BytesIO()
    with figure_style():
        figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()


def _cell(ax: Axes) -> Place:
    """Return where the grid of the axes puts them, before any layout."""
    part = ax.get_figure(root=False)
    cell = ax.get_subplotspec()
    return (
        _UNSET if part is None or cell is None else cell.get_position(cast("Figure", part)).bounds
    )


def _set_free(ax: Axes, place: Place) -> None:
    ax.set_position(place)
    ax.set_in_layout(True)  # what is placed by hand is taken out of the layout


@contextmanager
def _laid_out(figure: Figure) -> Iterator[None]:
    """Hold a layout still that begins where all begin, and not where the last one ended."""
    engine = figure.get_layout_engine()
    if engine is None:
        yield
        return
    flexible = [ax for ax in figure.axes if ax.get_in_layout()]
    for ax in flexible:
        _set_free(ax, _cell(ax))
    with figure_style():
        for _ in range(_LAYOUTS):
            figure.draw_without_rendering()
    figure.set_layout_engine("none")
    try:
        for ax in flexible:
            left, bottom, width, height = ax.get_position(original=True).bounds
            ax.set_position((round(left, 5), round(bottom, 5), round(width, 5), round(height, 5)))
        yield
    finally:
        for ax in flexible:
            ax.set_in_layout(True)
        figure.set_layout_engine(engine)


def block_colours(blocks: Iterable[str]) -> dict[str, str]:
    """Return a colour for each block: the known ones their own, wherever they are drawn.

    A second block of a kind, such as ``deep_lung`` beside ``deep``, gets one of those left; from
    the eighth block on colours come again.

    Examples
    --------
    >>> colours = block_colours(["radiomics", "mine", "deep"])
    >>> colours["deep"] == BLOCK_COLOURS["deep"], colours["mine"]
    (True, '#D55E00')
    """
    blocks = list(blocks)
    found: dict[str, str] = {}
    for block in blocks:
        kind = next((kind for kind in BLOCK_COLOURS if block.startswith(kind)), "")
        if kind and BLOCK_COLOURS[kind] not in found.values():
            found[block] = BLOCK_COLOURS[kind]
    left = [colour for colour in COLOURS[:6] if colour not in found.values()] or list(COLOURS)
    others = [block for block in blocks if block not in found]
    found |= {block: left[place % len(left)] for place, block in enumerate(others)}
    return {block: found[block] for block in blocks}


def model_looks(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return colour and line of each model; give all models, not only those that are drawn.

    Volume alone and clinical factors alone, and a model named after a block, have a colour of their
    own; neighbours among the others differ in both, so that they can be told apart in grey.

    Examples
    --------
    >>> looks = model_looks(["mine", "volume_only"])
    >>> looks["volume_only"]
    {'color': '#000000', 'linestyle': '-'}
    >>> looks["mine"]
    {'color': '#0072B2', 'linestyle': '-'}
    """
    own = {**BLOCK_COLOURS, **_BASELINES}
    taken = {own[name] for name in names if name in own} | {own["volume"], own["clinical"]}
    free = [colour for colour in COLOURS if colour not in taken]
    others = [name for name in names if name not in own]
    looks: dict[str, dict[str, Any]] = {}
    for place, name in enumerate(others):
        # each pair of colour and line once, before pairs come again
        turn = place + (place // len(free) if len(free) % len(_LINES) == 0 else 0)
        looks[name] = {
            "color": free[place % len(free)],
            "linestyle": _LINES[turn % len(_LINES)],
        }
    looks |= {name: {"color": own[name], "linestyle": "-"} for name in names if name in own}
    return looks


MM_PER_CHARACTER = 1.28
"""Of the style's font at 7 pt, on average."""


def wrapped(text: str, width_mm: float) -> str:
    r"""Return a text on lines that are no wider, each paragraph by itself.

    Examples
    --------
    >>> print(wrapped("a title that is long\nfor one column", 20))
    a title that is
    long
    for one column
    """
    width = max(1, int(width_mm / MM_PER_CHARACTER))
    return "\n".join(textwrap.fill(line, width) for line in text.splitlines())


def broken_name(name: str, width: int = 40) -> str:
    """Return a column's or model's name, broken behind the last ``__`` that leaves room.

    Without one it is broken behind another ``_``, a space or a hyphen, or anywhere. No character
    is left out: of two names cut short one could be taken for the other.

    Examples
    --------
    >>> broken_name("clinical__age")
    'clinical__age'
    >>> print(broken_name("radiomics__log_sigma_3_mm__glszm_SmallAreaLowGrayLevelEmphasis"))
    radiomics__log_sigma_3_mm__
    glszm_SmallAreaLowGrayLevelEmphasis
    """
    lines = []
    while len(name) > width:
        place = name.rfind("__", 1, width - 1)
        cut = place + 2 if place > 0 else 1 + max(name.rfind(c, width // 2, width) for c in "_ -+")
        cut = cut or width
        lines.append(name[:cut])
        name = name[cut:]
    return "\n".join([*lines, name])


def legend_below(ax: Axes, *, title: str = "", below: float = 0.0, ncols: int = 1) -> None:
    """Put the legend under the labels of the axis, whose height does not grow with the axes."""
    from matplotlib.transforms import ScaledTranslation

    figure = figure_of(ax)
    labels_mm = 9.0
    legend = ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, below),
        bbox_transform=ax.transAxes
        + ScaledTranslation(0.0, -mm_to_inch(labels_mm), figure.dpi_scale_trans),
        title=title or None,
        ncols=ncols,
    )
    legend.get_title().set_multialignment("center")
