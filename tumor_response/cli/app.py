"""The commands by name; a command's module is imported when it is called, not before.

``tumor-response --help`` has to answer at once: it reads the table below and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from tumor_response.cli.ending import run_to_exit_code
from tumor_response.cli.options import examples
from tumor_response.cli.output import say, spoken

__all__ = ["COMMANDS", "Entry", "app", "main"]


class Entry(NamedTuple):
    """A command: its heading, the module and name that have it, and what it does."""

    heading: str
    place: str
    summary: str


_WHOLE, _STEPS = "The whole way", "Step by step"
_NEW, _UPKEEP = "New patients, and handing over", "Upkeep"
_HERE = "tumor_response.cli.commands"

COMMANDS = {
    "demo": Entry(
        _WHOLE, f"{_HERE}.demo:demo", "Go the whole way on a simulated cohort whose truth is known."
    ),
    "init": Entry(
        _WHOLE,
        f"{_HERE}.init:init",
        "Begin a study: write a commented study.toml after a look at the data.",
    ),
    "run": Entry(
        _WHOLE,
        f"{_HERE}.run:run",
        "Do all of a study that is not up to date, and say why: features, evaluation, report ...",
    ),
    "report": Entry(
        _WHOLE,
        f"{_HERE}.report:report",
        "Write a study's report again from what its last run left; nothing is computed.",
    ),
    "check": Entry(
        _STEPS,
        f"{_HERE}.check:check",
        "Show what a folder of DICOM holds, and what is wrong with the images and contours.",
    ),
    "extract": Entry(
        _STEPS,
        f"{_HERE}.extract:extract",
        "Write the feature table of a manifest's baseline images.",
    ),
    "evaluate": Entry(
        _STEPS,
        f"{_HERE}.evaluate:evaluate",
        "Evaluate models on a manifest: out-of-bag AUC over patients, with a report.",
    ),
    "explain": Entry(
        _STEPS,
        f"{_HERE}.explain:explain",
        "Evaluate models and explain them by SHAP values out of bag, with a report.",
    ),
    "ablate": Entry(
        _STEPS,
        f"{_HERE}.ablate:ablate",
        "Evaluate every combination of blocks with every model on the same resamples.",
    ),
    "predict": Entry(
        _NEW,
        f"{_HERE}.predict:predict",
        "Predict new lesions by a saved predictor: probability, label set, limits, refusals.",
    ),
    "export": Entry(
        _NEW,
        f"{_HERE}.export:export",
        "Evaluate, and write all of it for a statistician: tables, codebook, scripts, checksums.",
    ),
    "verify": Entry(
        _NEW,
        f"{_HERE}.verify:verify",
        "Say whether a folder or a predictor's file that was handed over is what was sent.",
    ),
    "cache": Entry(
        _UPKEEP,
        f"{_HERE}.cache:cache_app",
        "Look after the folder of finished results (OUT/.cache, or --cache-dir).",
    ),
    "bench": Entry(
        _UPKEEP, f"{_HERE}.bench:bench", "Run a benchmark of a checkout, and say on what machine."
    ),
    "weights": Entry(
        _UPKEEP,
        f"{_HERE}.weights:weights_app",
        "Look after the weights of networks: packages, files, folders, the model hub.",
    ),
}


class _Loaded(Mapping[str, Any]):
    """The commands, each imported when somebody asks for it."""

    def __getitem__(self, name: str) -> Any:
        place, _, attribute = COMMANDS[name].place.partition(":")
        module = import_module(place)
        found = getattr(module, attribute)
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        alone = typer.Typer(
            add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
        )
        alone.command(name, epilog=examples(*module.EXAMPLES))(spoken(name)(found))
        return typer.main.get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Root(TyperGroup):
    """The root, which lists its commands without importing them."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = _Loaded()

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the table of commands under their headings."""
        del ctx
        for heading in dict.fromkeys(entry.heading for entry in COMMANDS.values()):
            rows = [
                (f"{name:<8}", entry.summary)
                for name, entry in COMMANDS.items()
                if entry.heading == heading
            ]
            with formatter.section(heading):
                formatter.write_dl(rows)


app = typer.Typer(
    name="tumor-response",
    cls=_Root,
    help="From a planning CT and a tumour contour to an explained, honest prediction of shrinkage "
    "under radiotherapy. For research; not a medical device.",
    epilog="tumor-response COMMAND --help says more about a command, with examples.",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: quick, and readable on every terminal
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from tumor_response._version import __version__

        say(f"tumor-response {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    del version  # its callback has done the work


def main() -> None:
    """Run the command line."""
    raise SystemExit(run_to_exit_code(app))
