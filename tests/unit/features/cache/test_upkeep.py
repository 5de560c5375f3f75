"""What lies in a cache, whether it is sound, and what goes: never what is not the library's."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tumor_response as tr
from tests.unit import cases
from tests.unit.features.cache.pretending import NoCredentialsError, Pretending
from tumor_response.exceptions import FeatureError, SettingsError
from tumor_response.features.base import Shortfall
from tumor_response.features.cache import FeatureCache, entries
from tumor_response.features.cache.stores import LocalStore
from tumor_response.features.cache.upkeep import PruneRules, cache_content, pruned, verified
from tumor_response.features.rows import BlockRow
from tumor_response.settings import sha256_of_json

DAY_S = 86_400


def key(number: int) -> str:
    return sha256_of_json(number)


def name_of(number: int, suffix: str = ".features") -> str:
    return f"{key(number)[:2]}/{key(number)}{suffix}"


def put(
    folder: Path, number: int, block: str = "radiomics", n: int = 3, age_days: float = 0
) -> Path:
    """Put an entry of ``n`` numbers, as if written some days ago."""
    columns = [f"{block}__{i}" for i in range(n)]
    row = BlockRow(np.arange(n, dtype=float), {}, (Shortfall("not_defined", "0/0", 0),))
    FeatureCache(folder).put(key(number), columns, row, block=block)
    return aged(folder / name_of(number), age_days)


def aged(path: Path, days: float) -> Path:
    then = time.time() - days * DAY_S
    os.utime(path, (then, then))
    return path


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def of_another_version(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and what is written from then on is of version 0.0.1."""
    return lambda: monkeypatch.setattr(entries, "__version__", "0.0.1")


# --- what lies there


def test_entries_are_counted_by_kind_block_and_version(
    tmp_path: Path, of_another_version: Callable[[], None]
) -> None:
    for number in range(3):
        put(tmp_path, number, "radiomics", n=4)
    put(tmp_path, 3, "deep", n=9)
    FeatureCache(tmp_path).put_record(key(4), {"of": "a case"})
    of_another_version()
    put(tmp_path, 5, "radiomics", n=4, age_days=2)
    content = cache_content(tmp_path)
    assert not content.strangers
    assert not content.abandoned
    counted = content.by_block()
    assert counted[["kind", "block", "version", "entries"]].to_numpy().tolist() == [
        ["case", "", tr.__version__, 1],
        ["features", "deep", tr.__version__, 1],
        ["features", "radiomics", "0.0.1", 1],
        ["features", "radiomics", tr.__version__, 3],
    ]
    on_disk = {name: (tmp_path / name).stat().st_size for name in files(tmp_path)}
    assert dict(zip(content.entries["name"], content.entries["bytes"], strict=True)) == on_disk
    assert counted["bytes"].sum() == sum(on_disk.values())
    ages = content.entries.set_index("name")["age_days"]
    assert ages[name_of(5)] == pytest.approx(2, abs=0.01)
    assert ages.drop(name_of(5)).max() < 0.01


def test_an_empty_cache_has_no_entries(tmp_path: Path) -> None:
    content = cache_content(tmp_path)
    assert content.entries.empty
    assert content.by_block().empty
    assert verified(tmp_path)[:2] == (0, [])
    assert pruned(tmp_path, PruneRules(max_gb=0, damaged=True, older_than_days=0))[:2] == (0, 0)


STRANGERS = [
    "notes.txt",
    "ab/notes.txt",
    "ab/deeper/still.features",
    f"ab/{'c' * 64}.features",  # another folder's
    f"ab/ab{'c' * 61}.features",  # too short
    f"AB/AB{'C' * 62}.features",
    f"ab/ab{'c' * 62}.features.bak",
    f"ab/ab{'c' * 62}.npy",
    f"ab{'c' * 62}.features",
    "thesis.part",  # only hidden ones are the library's
    "ab/deeper/.x.part",
    ".hidden",
]


def test_strangers_are_named_and_never_touched(tmp_path: Path) -> None:
    for name in STRANGERS:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
        aged(path, 900)
    (tmp_path / "ab" / "link").symlink_to(tmp_path / "nowhere")
    put(tmp_path, 0, age_days=900)
    told = set(cache_content(tmp_path).strangers)
    # a folder in a folder is named, and not looked into
    assert told == {name for name in STRANGERS if "deeper" not in name} | {"ab/deeper"}
    rules = PruneRules(older_than_days=0, max_gb=0, other_versions=True, damaged=True)
    assert pruned(tmp_path, rules)[0] == 1
    assert files(tmp_path) == set(STRANGERS)
    assert all((tmp_path / name).read_text() == "mine" for name in STRANGERS)


@pytest.mark.parametrize("name", ["ab/.0123456789abcdef.part", ".probe_x1", ".probe0a.part"])
def test_what_killed_runs_left_goes_after_an_hour(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(10))
    aged(path, 50 / 60 / 24)  # somebody may still be at it
    assert not cache_content(tmp_path).abandoned
    assert pruned(tmp_path, PruneRules(damaged=True))[:2] == (0, 0)
    assert path.exists()
    aged(path, 70 / 60 / 24)
    assert cache_content(tmp_path).abandoned == {name: 10}
    assert pruned(tmp_path, PruneRules(damaged=True), dry_run=True)[:2] == (1, 10)
    assert path.exists()
    assert pruned(tmp_path, PruneRules(damaged=True))[:2] == (1, 10)
    assert not path.exists()


def test_a_clock_set_back_makes_nothing_old(tmp_path: Path) -> None:
    path = put(tmp_path, 0, age_days=-400)
    part = tmp_path / "ab" / ".0123.part"
    part.parent.mkdir(exist_ok=True)
    part.touch()
    aged(part, -400)
    assert cache_content(tmp_path).entries["age_days"].tolist() == [0]
    assert pruned(tmp_path, PruneRules(older_than_days=0))[:2] == (0, 0)
    assert path.exists()
    assert part.exists()


# --- sound or not


@pytest.mark.parametrize("harm", ["flipped", "cut", "empty", "another's", "no entry", "no end"])
def test_damage_is_found_and_taken_away(tmp_path: Path, harm: str) -> None:
    for number in range(4):
        put(tmp_path, number)
    path = tmp_path / name_of(2)
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "cut": whole[:middle],
            "empty": b"",
            "another's": (tmp_path / name_of(1)).read_bytes(),
            "no entry": b"{}",
            "no end": whole.replace(b"\n", b" "),
        }[harm]
    )
    assert verified(tmp_path)[:2] == (3, [name_of(2)])
    size = path.stat().st_size
    assert pruned(tmp_path, PruneRules(damaged=True))[:2] == (1, size)
    assert files(tmp_path) == {name_of(number) for number in (0, 1, 3)}
    assert verified(tmp_path)[:2] == (3, [])


@given(st.data())
def test_no_changed_byte_passes_for_sound(data: st.DataObject) -> None:
    row = BlockRow(np.array([0.1, np.nan]), {}, ())
    whole = entries.packed_row(key(0), "x", ["x__a", "x__b"], row)
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(1, 255))
    changed = whole[:place] + bytes([whole[place] ^ other]) + whole[place + 1 :]
    assert entries.unpacked(key(0), whole) is not None
    assert entries.unpacked(key(0), changed) is None
    entries.header_of(changed)  # whatever it says, it is no error


def test_old_formats_are_counted_and_go_with_other_versions_alone(tmp_path: Path) -> None:
    old = tmp_path / name_of(7, ".json")
    old.parent.mkdir()
    old.write_text("{}")
    put(tmp_path, 1)
    kinds = cache_content(tmp_path).entries.set_index("name")["kind"]
    assert kinds.to_dict() == {name_of(7, ".json"): "old format", name_of(1): "features"}
    assert verified(tmp_path)[:2] == (1, [])
    assert pruned(tmp_path, PruneRules(damaged=True))[0] == 0
    assert pruned(tmp_path, PruneRules(other_versions=True))[:2] == (1, 2)
    assert files(tmp_path) == {name_of(1)}


# --- what goes


def test_older_than(tmp_path: Path) -> None:
    for number, days in enumerate((0, 1, 29, 31, 400)):
        put(tmp_path, number, age_days=days)
    assert pruned(tmp_path, PruneRules(older_than_days=30))[0] == 2
    assert files(tmp_path) == {name_of(number) for number in (0, 1, 2)}


def test_other_versions(tmp_path: Path, of_another_version: Callable[[], None]) -> None:
    put(tmp_path, 0)
    FeatureCache(tmp_path).put_record(key(1), {})
    of_another_version()
    put(tmp_path, 2)
    FeatureCache(tmp_path).put_record(key(3), {})
    assert pruned(tmp_path, PruneRules(other_versions=True))[0] == 2
    assert files(tmp_path) == {name_of(0), name_of(1, ".record")}


@given(
    sizes=st.lists(st.integers(0, 50), min_size=1, max_size=6),
    share=st.floats(0, 1.2),
    turned=st.randoms(use_true_random=False),
)
def test_the_oldest_go_until_the_rest_fits(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], share: float, turned
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    numbers = list(range(len(sizes)))
    turned.shuffle(numbers)  # by age: the first is the newest
    made = [
        put(folder, number, n=sizes[number], age_days=place) for place, number in enumerate(numbers)
    ]
    each = [path.stat().st_size for path in made]
    most = int(share * sum(each))
    n_files, n_bytes, _ = pruned(folder, PruneRules(max_gb=most / 1e9))
    kept = [path.exists() for path in made]
    n_kept = sum(kept)
    assert kept == sorted(kept, reverse=True)  # nobody goes who is newer than one that stays
    assert sum(each[:n_kept]) <= most
    assert n_kept == len(made) or sum(each[: n_kept + 1]) > most  # none went for nothing
    assert (n_files, n_bytes) == (len(made) - n_kept, sum(each[n_kept:]))


def test_rules_together_take_what_any_of_them_names(tmp_path: Path) -> None:
    sizes = [put(tmp_path, number, age_days=number).stat().st_size for number in range(5)]
    (tmp_path / name_of(0)).write_bytes(b"damaged")
    # 4 is too old and 0 is damaged; of the rest the newest one fits
    rules = PruneRules(older_than_days=3.5, damaged=True, max_gb=sizes[0] * 1.5 / 1e9)
    assert pruned(tmp_path, rules)[0] == 4
    assert files(tmp_path) == {name_of(1)}


def test_a_dry_run_takes_nothing_away(tmp_path: Path) -> None:
    for number in range(3):
        aged(put(tmp_path, number), 10)
    before = files(tmp_path)
    dry = pruned(tmp_path, PruneRules(older_than_days=1), dry_run=True)
    assert files(tmp_path) == before
    wet = pruned(tmp_path, PruneRules(older_than_days=1))
    assert dry[:2] == wet[:2]
    assert files(tmp_path) == set()


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"older_than_days": -1},
        {"max_gb": -0.1},
        {"max_gb": math.nan},
        {"older_than_days": math.nan, "damaged": True},
    ],
)
def test_rules_that_say_nothing_are_refused(rules: dict[str, float]) -> None:
    with pytest.raises(SettingsError):
        PruneRules(**rules)


# --- what cannot be done


def test_a_folder_that_is_not_there_is_refused_and_not_made(
    tmp_path: Path, memory: str, pretending: type[Pretending]
) -> None:
    uses = (cache_content, verified, lambda place: pruned(place, PruneRules(damaged=True)))
    for place in (tmp_path / "no such", memory, "pretending://me:secret@host/no such"):
        for use in uses:
            with pytest.raises(SettingsError, match="no such") as caught:
                use(place)
            assert "secret" not in str(caught.value)
    assert not list(tmp_path.iterdir())
    assert not pretending.store
    assert "pipe_file" not in pretending.calls


def test_a_read_only_cache_is_looked_at_but_not_pruned(
    tmp_path: Path, read_only: Callable[[Path], Path]
) -> None:
    put(tmp_path / "made", 0, age_days=9)
    folder = read_only(tmp_path / "made")
    assert verified(folder)[:2] == (1, [])
    assert pruned(folder, PruneRules(max_gb=0), dry_run=True)[0] == 1
    with pytest.raises(FeatureError, match="read-only") as caught:
        pruned(folder, PruneRules(older_than_days=1))
    assert caught.value.code == "cache_unusable"


@pytest.mark.parametrize("step", ["find", "cat_file", "exists"])
def test_a_cache_that_does_not_answer_is_one_error(pretending: type[Pretending], step: str) -> None:
    url = "pretending://me:secret@host/cache"
    FeatureCache(url).put_record(key(0), {})
    pretending.faults[step] = NoCredentialsError("me:secret@host is expired")
    for use in (cache_content, verified, lambda place: pruned(place, PruneRules(max_gb=0))):
        with pytest.raises(FeatureError, match="NoCredentialsError") as caught:
            use(url)
        assert caught.value.code == "cache_unusable"
        assert "secret" not in str(caught.value)
    assert len(pretending.store) == 1


def test_where_nothing_may_be_taken_away_nothing_is_pruned(pretending: type[Pretending]) -> None:
    url = "pretending://me:secret@host/cache"
    FeatureCache(url).put_record(key(0), {})
    pretending.faults["rm_file"] = PermissionError("me:secret@host may not")
    with pytest.raises(FeatureError, match="cannot be pruned") as caught:
        pruned(url, PruneRules(max_gb=0))
    assert caught.value.code == "cache_unusable"
    assert "secret" not in str(caught.value)


def test_two_may_prune_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        put(tmp_path, number, age_days=10)
    listed = LocalStore.entries

    def overtaken(store: LocalStore) -> Iterator[tuple[str, int, float]]:
        found = list(listed(store))
        (tmp_path / name_of(1)).unlink(missing_ok=True)  # by somebody else, in the meantime
        return iter(found)

    monkeypatch.setattr(LocalStore, "entries", overtaken)
    assert pruned(tmp_path, PruneRules(older_than_days=1, damaged=True))[0] == 4
    assert files(tmp_path) == set()


def test_after_pruning_a_run_gives_the_same_table(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    cohort = tr.Cohort.from_frame(
        cases.cohort_folder(tmp_path / "images", 4), base=tmp_path / "images"
    )
    folder = tmp_path / "cache"
    before = tr.extract(cohort, [tr.Radiomics("minimal")], cache_dir=folder)
    entries_ = sorted(folder.rglob("*.features"))
    aged(entries_[0], 100)
    entries_[1].write_bytes(b"")
    aged(next(folder.rglob("*.record")), 100)
    assert pruned(folder, PruneRules(older_than_days=50, damaged=True))[0] == 3
    after = tr.extract(cohort, [tr.Radiomics("minimal")], cache_dir=folder)
    assert after.run["cache"] == {"hits": 2, "misses": 2}
    assert after.provenance["data_sha256"] == before.provenance["data_sha256"]
    pruned(folder, PruneRules(max_gb=0))
    assert files(folder) == set()
    again = tr.extract(cohort, [tr.Radiomics("minimal")], cache_dir=folder)
    assert again.run["cache"] == {"hits": 0, "misses": 4}
    assert again.provenance["data_sha256"] == before.provenance["data_sha256"]
