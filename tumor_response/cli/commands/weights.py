"""``tumor-response weights``: which network weights are here, whether they are sound, and more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumor_response.cli.codes import ExitCode
from tumor_response.cli.console import messages_for_people, say, show_records, size_text
from tumor_response.cli.options import DebugOption, examples
from tumor_response.cli.output import found, spoken

if TYPE_CHECKING:
    from tumor_response.features.deep.weights.inventory import Holding

__all__ = ["weights_app"]

weights_app = typer.Typer(
    name="weights",
    help="Look after the weights of networks: packages, files, folders, the model hub.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Places = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[PLACE]...",
        help="Files of weights, folders of a fetched network, or caches of the hub's.",
        show_default=False,
    ),
]
_AGAIN = "Run the same command again."


@weights_app.command("list", epilog=examples("tumor-response weights list fetched/resnet50"))
@spoken("weights list")
def list_weights(places: Places = None, debug: DebugOption = False) -> None:
    """Say which weights there are: packages, what was fetched from the hub, and PLACEs.

    Nothing is fetched, and no tensors are read; a hash is the recorded one.
    """
    with messages_for_people(debug, _AGAIN):
        import pandas as pd

        from tumor_response.features.deep.weights.inventory import holdings, hub_cache, packages

        held = packages()
        cache = hub_cache()
        for place in [*([cache] if any(cache.glob("models--timm--*")) else []), *(places or [])]:
            held += holdings(place)
        table = pd.DataFrame(
            [
                {
                    "network": one.backbone or "?",
                    "from": one.place,
                    "size": "" if one.n_bytes is None else size_text(one.n_bytes),
                    "licence": one.licence,
                    "SHA-256 of tensors": one.sha256 or "not recorded",
                }
                for one in held
            ]
        )
        show_records("Weights", table, len(table))
        _say_problems(held)
        found(weights=json.loads(table.to_json(orient="records")))
        say("Any other network of timm's: tumor-response weights fetch NAME --to FOLDER.")


@weights_app.command("verify", epilog=examples("tumor-response weights verify fetched/resnet50"))
@spoken("weights verify")
def verify(
    places: Places = None,
    sha256: Annotated[
        str | None,
        typer.Option(help="What the tensors of the one PLACE have to be.", show_default=False),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Read all tensors and hold them against the recorded hashes. Ends with code 1 if one differs.

    Packages are always verified. A PLACE is held against its weights.json, the name that a cache
    of the hub's gives it, or --sha256.
    """
    with messages_for_people(debug, _AGAIN):
        from tumor_response.features.deep.weights.inventory import holdings, packages, verified

        given = [one for place in places or [] for one in holdings(place)]
        if sha256 is not None and len(given) != 1:
            raise typer.BadParameter("--sha256 is for exactly one set of weights.")
        wrong, verdicts = 0, []
        for verdict in (*verified(packages()), *verified(given, sha256)):
            name = verdict.holding.backbone or verdict.holding.place
            detail = verdict.message or f"SHA-256 {verdict.sha256}"
            verdicts.append({"network": name, "verdict": verdict.verdict, "sha256": verdict.sha256})
            say(f"{verdict.verdict:>10}  {name} ({verdict.holding.place}): {detail}")
            wrong += verdict.verdict == "wrong"
        found(verdicts=verdicts)
        if wrong:
            say(f"{wrong} not as recorded.")
            raise typer.Exit(ExitCode.FOUND)


@weights_app.command(
    "fetch",
    epilog=examples("tumor-response weights fetch resnet50.a1_in1k --to fetched/resnet50"),
)
@spoken("weights fetch")
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The network's timm name.")],
    to: Annotated[Path, typer.Option("--to", help="New or empty folder for the weights.")],
    repository: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="OWNER/NAME",
            help="Repository on the hub.",
            show_default="the one that timm names",
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(help="Commit, tag or branch there.", show_default="main"),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Fetch weights from the model hub into a folder, with a record of what they are.

    The folder can be carried to a machine without a network: weights=FOLDER reads it.
    """
    with messages_for_people(debug, "Run the same command again: the download goes on."):
        from tumor_response.features.deep.weights.fetch import fetch_weights

        place = f"hub:{repository}" if repository else "hub"
        record = fetch_weights(name, to, f"{place}@{revision}" if revision else place)
        found(
            folder=str(to),
            network=record.backbone,
            source=record.source,
            licence=record.licence,
            sha256=record.tensors_sha256,
        )
        say(f"{to}: {record.backbone} from {record.source}, licence {record.licence}.")
        say(f"SHA-256 of the tensors: {record.tensors_sha256}")


def _say_problems(held: list[Holding]) -> None:
    for one in held:
        if one.problem:
            say(f"  {one.problem}")
