"""``tumor-response cache``: what lies in a cache, whether it is sound, and making room."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tumor_response.cli.codes import ExitCode
from tumor_response.cli.console import count, messages_for_people, say, show_table, size_text
from tumor_response.cli.options import DebugOption, examples
from tumor_response.cli.output import found, spoken

__all__ = ["cache_app"]

cache_app = typer.Typer(
    name="cache",
    help="Look after the folder of finished results (OUT/.cache, or --cache-dir).",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Location = Annotated[
    str, typer.Argument(metavar="CACHE", help="The cache's folder, or a URL such as s3://bucket/x.")
]
_AGAIN = "Run the same command again."


@cache_app.command("info", epilog=examples("tumor-response cache info study/.cache"))
@spoken("cache info")
def info(cache: Location, debug: DebugOption = False) -> None:
    """Say how many results a cache holds, of which blocks and versions, and how old they are."""
    with messages_for_people(debug, _AGAIN):
        from tumor_response.features.cache.addresses import shown_address
        from tumor_response.features.cache.upkeep import cache_content

        content = cache_content(cache)
        shown = shown_address(cache)
        entries = content.entries
        by_block = content.by_block()
        found(
            cache=shown,
            n_entries=len(entries),
            n_bytes=int(entries["bytes"].sum()) if len(entries) else 0,
            by_block=json.loads(by_block.to_json(orient="records")),
            n_abandoned=len(content.abandoned),
            n_strangers=len(content.strangers),
        )
        if entries.empty:
            say(f"{shown}: empty.")
        else:
            show_table(
                f"{shown}: {len(entries)} entries, {size_text(int(entries['bytes'].sum()))}",
                ["kind", "block", "version", "entries", "size"],
                [
                    [str(kind), str(block), str(version), str(n), size_text(float(size))]
                    for kind, block, version, n, size in by_block.to_numpy()
                ],
            )
            ages = entries["age_days"]
            say(f"Written between {ages.max():.1f} and {ages.min():.1f} days ago.")
        _say_rest(content.abandoned, content.strangers)


@cache_app.command(
    "prune", epilog=examples("tumor-response cache prune study/.cache --older-than-days 90")
)
@spoken("cache prune")
def prune(
    cache: Location,
    older_than_days: Annotated[
        float | None, typer.Option(help="Entries written longer ago than this.", min=0.0)
    ] = None,
    max_gb: Annotated[
        float | None,
        typer.Option(help="The oldest entries, until the rest takes no more.", min=0.0),
    ] = None,
    other_versions: Annotated[
        bool,
        typer.Option("--other-versions", help="Entries of other versions of the library."),
    ] = False,
    damaged: Annotated[
        bool, typer.Option("--damaged", help="Entries that fail their checksum; reads everything.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and leave it.")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Take entries away, and what killed runs left. Files of others are never touched."""
    with messages_for_people(debug, _AGAIN):
        from tumor_response.features.cache.upkeep import PruneRules, pruned

        rules = PruneRules(older_than_days, max_gb, other_versions, damaged)
        n_files, n_bytes, content = pruned(cache, rules, dry_run=dry_run)
        left = len(content.entries) + len(content.abandoned) - n_files
        found(n_files=n_files, n_bytes=n_bytes, n_left=left, dry_run=dry_run)
        what = "would go" if dry_run else "gone"
        say(f"{count(n_files, 'file')} ({size_text(n_bytes)}) {what}, {left} stay.")


@cache_app.command("verify", epilog=examples("tumor-response cache verify study/.cache"))
@spoken("cache verify")
def verify(cache: Location, debug: DebugOption = False) -> None:
    """Read every entry and hold it against its checksum. Ends with code 1 if one is damaged.

    A damaged entry does no harm: a run computes it again.
    """
    with messages_for_people(debug, _AGAIN):
        from tumor_response.features.cache.addresses import shown_address
        from tumor_response.features.cache.upkeep import verified

        n_sound, damaged, content = verified(cache)
        found(n_sound=n_sound, damaged=list(damaged))
        say(f"{n_sound} entries are sound, {len(damaged)} are damaged.")
        for name in damaged:
            say(f"  damaged: {name}")
        _say_rest(content.abandoned, content.strangers)
        if damaged:
            say(f"To take them away: tumor-response cache prune {shown_address(cache)} --damaged")
            raise typer.Exit(ExitCode.FOUND)


def _say_rest(abandoned: dict[str, int], strangers: list[str]) -> None:
    if abandoned:
        size = size_text(sum(abandoned.values()))
        say(
            f"{count(len(abandoned), 'temporary file')} of killed runs ({size}); prune takes what "
            "they left away."
        )
    if strangers:
        say(
            f"{count(len(strangers), 'file')} not written by this library, for example "
            f"{strangers[0]}."
        )
