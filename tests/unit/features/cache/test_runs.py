"""Whole runs with caches of every kind: the same bytes, and nothing computed twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

import tumor_response as tr
from tests.unit import cases
from tests.unit.features.cache.pretending import NoCredentialsError, Pretending
from tumor_response.exceptions import FeatureError

N_CASES = 4


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tr.Cohort:
    folder = tmp_path_factory.mktemp("cohort")
    return tr.Cohort.from_frame(cases.cohort_folder(folder, N_CASES), base=folder)


def extracted(cohort: tr.Cohort, cache: str | Path | None, **means: object) -> tr.FeatureTable:
    return tr.extract(cohort, [tr.Radiomics("minimal")], cache_dir=cache, **means)


def saved(table: tr.FeatureTable, folder: Path) -> dict[str, bytes]:
    table.save(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def uncached(cohort: tr.Cohort, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return saved(extracted(cohort, None), tmp_path_factory.mktemp("table"))


COLD = {"hits": 0, "misses": N_CASES}
WARM = {"hits": N_CASES, "misses": 0}


@pytest.mark.parametrize("kind", ["memory", "file", "pretending", "pretending_objects"])
def test_a_second_run_computes_nothing_and_what_is_damaged_again(
    cohort: tr.Cohort,
    uncached: dict[str, bytes],
    tmp_path: Path,
    memory: str,
    pretending: type[Pretending],
    kind: str,
) -> None:
    url = {"memory": memory, "file": f"file://{tmp_path}/cache"}.get(kind, f"{kind}://host/cache")
    tables = [extracted(cohort, url) for _ in range(2)]
    assert [table.run["cache"] for table in tables] == [COLD, WARM]
    file_system, root = fsspec.core.url_to_fs(url)
    names = [name for name in sorted(file_system.find(root)) if name.endswith(".features")]
    assert len(names) == N_CASES
    whole = file_system.cat_file(names[0])
    for name, content in zip(names, (whole[:-1], b"", whole), strict=False):  # whole: another's
        file_system.pipe_file(name, content)
    file_system.rm_file(names[3])
    tables.append(extracted(cohort, url))
    tables.append(extracted(cohort, url))
    assert [table.run["cache"] for table in tables[2:]] == [COLD, WARM]
    for number, table in enumerate(tables):
        assert saved(table, tmp_path / str(number)) == uncached


def test_a_read_only_folder_gives_what_it_has(
    cohort: tr.Cohort,
    uncached: dict[str, bytes],
    tmp_path: Path,
    read_only: Callable[[Path], Path],
) -> None:
    made = tmp_path / "made"
    extracted(cohort, made)
    next(made.rglob("*.features")).unlink()
    folder = read_only(made)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    for number in range(2):
        table = extracted(cohort, folder)
        assert table.run["cache"] == {"hits": N_CASES - 1, "misses": 1}
        assert table.run["cache_writable"] is False
        assert saved(table, tmp_path / str(number)) == uncached
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize("step", ["cat_file", "pipe_file"])
def test_a_cache_that_is_lost_in_mid_run_ends_it_with_a_way_out(
    cohort: tr.Cohort, uncached: dict[str, bytes], tmp_path: Path, step: str
) -> None:
    class Dropping(Pretending):
        protocol = "dropping"
        is_up = True
        n_calls = 0

        def _do(self, method: str) -> None:
            if method == step:
                Dropping.n_calls += 1
            if not Dropping.is_up and method == step:
                raise NoCredentialsError("the line to dropping://me:secret@host is cut")
            if Dropping.n_calls > 6:
                Dropping.is_up = False

    fsspec.register_implementation("dropping", Dropping, clobber=True)
    Dropping.store.clear()
    url, log = "dropping://me:secret@host/cache", tmp_path / "run.jsonl"
    with pytest.raises(FeatureError, match="the line to") as caught:
        extracted(cohort, url, log=log)
    assert caught.value.code == "cache_unusable"
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert events[-1]["reason"] == "cache_unusable"
    assert "secret" not in str(caught.value) + log.read_text()
    kept = sum(name.endswith(".features") for name in Dropping.store)
    assert 0 < kept < N_CASES
    Dropping.is_up, Dropping.n_calls = True, -1000
    table = extracted(cohort, url)
    assert table.run["cache"] == {"hits": kept, "misses": N_CASES - kept}
    assert saved(table, tmp_path / "table") == uncached


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """A folder behind a web server, which answers to reading alone."""
    (tmp_path / "served").mkdir()
    handler = partial(Silent, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_cache_behind_a_web_server_is_read(
    cohort: tr.Cohort, uncached: dict[str, bytes], tmp_path: Path, served: str
) -> None:
    from tumor_response.features.cache.upkeep import cache_content, verified

    extracted(cohort, tmp_path / "served" / "cache")
    next((tmp_path / "served").rglob("*.features")).unlink()
    table = extracted(cohort, f"{served}/cache")
    assert table.run["cache"] == {"hits": N_CASES - 1, "misses": 1}
    assert table.run["cache_writable"] is False
    assert saved(table, tmp_path / "table") == uncached
    content = cache_content(f"{served}/cache").entries
    of_the_folder = cache_content(tmp_path / "served" / "cache").entries
    columns = ["name", "kind", "block", "version", "bytes"]
    assert content[columns].equals(of_the_folder[columns])
    assert verified(f"{served}/cache")[:2] == (2 * N_CASES - 1, [])
