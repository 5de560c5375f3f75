"""The figures of a report as files, with their list."""

from __future__ import annotations

import csv

import tumor_response as tr


def rows_of(listed):
    with listed.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_figure_of_the_page_is_three_files_and_a_line(study, tmp_path):
    result, table, outcomes = study(1.0)
    folder = tmp_path / "figures"
    folder.mkdir()
    (folder / "old.svg").write_text("of an earlier report")
    (folder / "mine.svg").write_text("not of a report")
    (folder / "figures.csv").write_text("figure,svg,png,pdf\nold,old.svg,,\nx,../x.svg,,\n")
    (tmp_path / "x.svg").write_text("elsewhere")
    page = tr.report(
        result, tmp_path / "report.html", table=table, outcomes=outcomes, figures=folder
    )
    rows = rows_of(folder / "figures.csv")
    assert len(rows) == page.read_text(encoding="utf-8").count("<img ")
    names = [row["figure"] for row in rows]
    assert len(set(names)) == len(names)
    for row in rows:
        assert all((folder / row[kind]).stat().st_size > 500 for kind in ("svg", "png", "pdf"))
        assert row["caption"]
        assert row["alternative_text"]
        assert row["columns"] in ("1", "2")
    assert not (folder / "old.svg").exists()
    assert (folder / "mine.svg").exists()
    assert (tmp_path / "x.svg").exists()
