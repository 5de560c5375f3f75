"""``tumor-response export``: the statistician's bundle of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tumor_response as tr
from tumor_response.cli.console import say
from tumor_response.cli.output import found
from tumor_response.cli.study import Study, results_of
from tumor_response.exceptions import SettingsError
from tumor_response.export import export_bundle
from tumor_response.export.placing import check_place
from tumor_response.export.pseudonymous import chosen_pseudonyms
from tumor_response.formats.writing import check_formats
from tumor_response.study.naming import headline_of
from tumor_response.study.plan import Plan

__all__ = ["Handover", "export_study"]


@dataclass(frozen=True)
class Handover:
    """What goes into the bundle, and under which names.

    Parameters
    ----------
    directory
        Of the bundle.
    formats
        Of features and outcomes.
    key_file
        Of the pseudonyms; None: the default one.
    named
        Under the hospital's own identifiers instead.
    keep
        Columns that leave as they are.
    """

    directory: Path
    formats: Sequence[str]
    key_file: Path | None
    named: bool
    keep: Sequence[str]

    def pseudonyms(self) -> bool | tr.Pseudonyms:
        """Return what :func:`tumor_response.export.export_bundle` takes."""
        if self.named:
            if self.key_file is not None:
                raise SettingsError("--named leaves patients their names; --key-file hides them.")
            return False
        return True if self.key_file is None else tr.Pseudonyms(self.key_file)


def export_study(study: Study, plan: Plan, handover: Handover) -> None:
    """Evaluate a study and write its bundle."""
    # whatever can be refused is, before hours of extraction
    check_formats(list(handover.formats))
    check_place(handover.directory)
    chosen_pseudonyms(handover.pseudonyms(), handover.directory)
    done = study.evaluated(plan)
    say("Writing the bundle ...")
    bundle = export_bundle(
        handover.directory,
        done.table,
        done.outcomes,
        done.result,
        formats=handover.formats,
        pseudonyms=handover.pseudonyms(),
        headline=headline_of(done.result.models),
        keep=handover.keep,
    )
    if bundle.left_behind:
        say(f"Columns that stayed behind (see --keep): {', '.join(bundle.left_behind)}")
    names = "the hospital's own identifiers" if handover.named else "pseudonyms"
    say(f"Bundle: {bundle.directory.resolve()}; {len(bundle.files)} files, under {names}")
    found(
        **results_of(done.result, done.coupling),
        bundle=str(bundle.directory.resolve()),
        files=list(bundle.files),
        left_behind=list(bundle.left_behind),
        identified=handover.named,
        sha256=bundle.sha256,
    )
    say(f"SHA-256 of its sums, to be told by another way: {bundle.sha256}")
