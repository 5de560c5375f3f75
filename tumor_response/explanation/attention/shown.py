"""What a notebook shows of attention maps: whose, how made, how many; images are not read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tumor_response.notebook import CAUTION, card, facts, grid, note

if TYPE_CHECKING:
    from tumor_response.explanation.attention.maps import AttentionMaps

__all__ = ["maps_html"]

_MODES = {
    "out_of_bag": "lesions while their patients were left out of the fit",
    "in_sample": "lesions that the model was fitted to",
    "new_rows": "lesions that the model was not fitted to",
}


def maps_html(maps: AttentionMaps) -> str:
    """Return counts and settings of the maps, and why some lesions have none."""
    outputs = [case.output for case in maps.cases.values()]
    spread = f"{min(outputs):.2f} to {max(outputs):.2f}" if outputs else "none"
    where = "everything" if maps.mask_free else "the tumour alone: it could look nowhere else"
    pieces = [
        facts(
            {
                "maps": f"{len(maps):,} {_MODES[maps.mode]}",
                "method": maps.method,
                "the network saw": where,
                "log-odds of response": spread,
            }
        )
    ]
    if maps.mode == "in_sample":
        pieces.append(note("In sample: maps show what was memorised as well.", style=CAUTION))
    if len(maps.failures):
        counts = maps.failures["reason"].value_counts().rename("lesions").rename_axis("reason")
        pieces += [note(f"{len(maps.failures)} lesions have no map"), grid(counts.to_frame())]
    return card(
        "AttentionMaps",
        f"of {maps.model}",
        *pieces,
        note(
            "Where a network looked is not why. tr.attention_sanity tests whether the maps depend "
            "on the model; .plot(key, cohort) and .contact_sheet(cohort) draw them."
        ),
    )
