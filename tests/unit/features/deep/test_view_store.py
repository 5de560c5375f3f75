from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tumor_response as tr
from tumor_response.exceptions import FeatureError

KEY, OTHER = "ab" * 32, "cd" * 32


@pytest.fixture
def store(tmp_path: Path) -> tr.ViewStore:
    return tr.ViewStore(tmp_path / "views")


@given(
    array=hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.uint8, np.int16]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    )
)
def test_any_array_comes_back_to_the_last_bit(
    array: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = tr.ViewStore(tmp_path_factory.mktemp("views"))
    store.put(KEY, array)
    found = store.get(KEY)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()


def test_arrays_are_mapped_read_only_and_plain_npy_files(store: tr.ViewStore) -> None:
    views = np.random.default_rng(0).random((3, 8, 8), np.float32)
    store.put(KEY, views)
    found = store.get(KEY)
    assert isinstance(found, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0, 0] = 1.0
    (path,) = store.directory.rglob("*.npy")
    assert np.array_equal(np.load(path, allow_pickle=False), views)


def test_what_is_there(store: tr.ViewStore) -> None:
    assert list(store.keys()) == []
    assert KEY not in store
    for key in (OTHER, KEY):
        store.put(key, np.zeros(2))
    (store.directory / "notes.txt").write_text("mine")
    (store.directory / "ab" / "stranger.npy").write_bytes(b"")
    assert list(store.keys()) == [KEY, OTHER]
    assert store.damaged() == []
    with pytest.raises(FeatureError, match="is not there") as error:
        store.get("ef" * 32)
    assert error.value.code == "view_missing"


@pytest.mark.parametrize("harm", ["flipped", "cut", "empty", "exchanged"])
def test_damage_is_found_before_use_and_mended_by_put(store: tr.ViewStore, harm: str) -> None:
    rng = np.random.default_rng(0)
    arrays = {key: rng.random((2, 16, 16), np.float32) for key in (KEY, OTHER)}
    for key, array in arrays.items():
        store.put(key, array)
    path = store.directory / KEY[:2] / f"{KEY}.npy"
    whole = path.read_bytes()
    path.write_bytes(
        {
            "flipped": whole[:500] + bytes([whole[500] ^ 1]) + whole[501:],
            "cut": whole[:-40],
            "empty": b"",
            "exchanged": (store.directory / OTHER[:2] / f"{OTHER}.npy").read_bytes(),
        }[harm]
    )
    assert KEY not in store
    assert store.damaged() == [KEY]
    with pytest.raises(FeatureError, match="is damaged") as error:
        store.get(KEY)
    assert error.value.code == "view_damaged"
    store.put(KEY, arrays[KEY])
    assert np.array_equal(store.get(KEY), arrays[KEY])


@pytest.mark.parametrize("key", ["", "../../../etc/passwd", "AB" * 32, "ab" * 31, None, 7, np.nan])
def test_a_key_leads_nowhere_else(store: tr.ViewStore, key: object) -> None:
    for use in (store.get, lambda k: store.put(k, np.zeros(1))):
        with pytest.raises(FeatureError, match="64 hexadecimal digits") as error:
            use(key)
        assert error.value.code == "view_key"
    assert key not in store
    assert not list(store.directory.rglob("*.npy"))


@pytest.mark.parametrize("views", [np.array(["a"]), np.array([None]), [{}]])
def test_only_numbers_are_kept(store: tr.ViewStore, views: object) -> None:
    with pytest.raises(FeatureError, match="expected numbers"):
        store.put(KEY, views)


def test_another_process_sees_the_same(store: tr.ViewStore, tmp_path: Path) -> None:
    store.put(KEY, np.arange(12.0).reshape(3, 4))
    assert KEY in store
    (tmp_path / "store.pickle").write_bytes(pickle.dumps(store))
    code = (
        "import pickle, pathlib, sys\n"
        f"store = pickle.loads(pathlib.Path({str(tmp_path / 'store.pickle')!r}).read_bytes())\n"
        f"print(store.get({KEY!r}).sum(), store._whole == {{{KEY!r}}})\n"
        f"store.put({OTHER!r}, store.get({KEY!r}) * 2)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["66.0", "True"]
    assert store.get(OTHER).sum() == 132.0


def test_what_was_pickled_is_checked_anew(store: tr.ViewStore) -> None:
    store.put(KEY, np.zeros(100))
    assert KEY in store
    path = store.directory / KEY[:2] / f"{KEY}.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert KEY not in pickle.loads(pickle.dumps(store))


def test_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FeatureError, match="cannot be used") as error:
        tr.ViewStore(tmp_path / "file")
    assert error.value.code == "views_unusable"


def test_read_only_store_is_read(store: tr.ViewStore, tmp_path: Path) -> None:
    store.put(KEY, np.ones(5))
    become_nobody = ""
    if os.getuid() == 0:  # who may write everywhere
        become_nobody = "os.setgid(65534); os.setuid(65534)"
    else:
        for folder in (store.directory, store.directory / KEY[:2]):
            folder.chmod(0o555)
    code = (
        "import os\n"
        "import numpy as np\n"
        "from tumor_response.exceptions import FeatureError\n"
        "from tumor_response.features.deep import ViewStore\n"
        f"{become_nobody}\n"
        f"store = ViewStore({str(store.directory)!r})\n"
        f"print(store.writable, store.get({KEY!r}).sum())\n"
        "try:\n"
        f"    store.put({OTHER!r}, np.ones(5))\n"
        "except FeatureError as error:\n"
        "    print(error.code)\n"
    )
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.stat().st_uid == os.getuid() and folder.is_relative_to("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert said.stdout.split() == ["False", "5.0", "views_unusable"], said.stderr
