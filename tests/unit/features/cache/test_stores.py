"""Where entries lie: whole or not at all, shared, read-only, far away, out of order."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.features.cache.pretending import NoCredentialsError, Pretending
from tumor_response.exceptions import FeatureError
from tumor_response.features.cache import FeatureCache
from tumor_response.features.cache.addresses import shown_address
from tumor_response.features.cache.stores import (
    LocalStore,
    RemoteStore,
    is_there,
    store_at,
)

NAME = f"ab/ab{'0' * 62}.features"
OTHER = f"cd/cd{'1' * 62}.record"


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def refused(location: str | Path) -> str:
    """What a person is told who may not use a location."""
    with pytest.raises(FeatureError) as caught:
        store_at(location)
    assert caught.value.code == "cache_unusable"
    return str(caught.value)


# --- any store


@pytest.fixture(params=["folder", "text", "file://", "local://", "memory://", "pretending://"])
def location(
    request: pytest.FixtureRequest, tmp_path: Path, memory: str, pretending: type[Pretending]
) -> str | Path:
    return {
        "folder": tmp_path / "cache",
        "text": str(tmp_path / "cache"),
        "file://": f"file://{tmp_path}/cache/",
        "local://": f"local://{tmp_path}/cache",
        "memory://": memory,
        "pretending://": "pretending://host/cache",
    }[request.param]


def test_what_was_written_is_read_listed_and_deleted(location: str | Path) -> None:
    assert not is_there(location)
    store = store_at(location)
    assert store.writable
    assert list(store.entries()) == []  # the probe is gone
    assert store.read(NAME) is None
    store.write(NAME, b"one")
    store.write(NAME, b"another")
    store.write(OTHER, b"")
    assert is_there(location)
    again = store_at(location)
    assert again.read(NAME) == b"another"
    assert again.read(OTHER) == b""
    assert [(name, size) for name, size, _ in again.entries()] == [(NAME, 7), (OTHER, 0)]
    store.delete(NAME)
    store.delete(NAME)  # no fault
    assert [name for name, *_ in store.entries()] == [OTHER]


def test_everything_has_the_time_at_which_it_was_written(tmp_path: Path, memory: str) -> None:
    path = tmp_path / "of now"
    path.touch()
    now = path.stat().st_mtime
    for place in (tmp_path / "cache", f"file://{tmp_path}/other", memory):
        store = store_at(place)
        store.write(NAME, b"x")
        ((_, _, written),) = store.entries()
        assert abs(written - now) < 60, place


def test_a_date_that_nobody_gives_is_no_old_one(pretending: type[Pretending]) -> None:
    class Undated(pretending):
        protocol = "undated"

        def find(self, path: str, **options: object) -> object:
            return {name: {"name": name, "size": None} for name in super().find(path, **options)}

    fsspec.register_implementation("undated", Undated, clobber=True)
    store = RemoteStore("undated://host/cache")
    store.write(NAME, b"x")
    assert [written for *_, written in store.entries()] == [float("inf")]


# --- a folder


def failing(code: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize("step", ["fsync", "fchmod", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_no_part_is_left_after_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int
) -> None:
    store = LocalStore(tmp_path / "cache")
    store.write(NAME, b"before")
    monkeypatch.setattr(*((Path, step) if step == "replace" else (os, step)), failing(code))
    if step == "fchmod":  # not every file system has permissions
        store.write(NAME, b"after")
    else:
        with pytest.raises(OSError, match=os.strerror(code)):
            store.write(NAME, b"after")
    assert store.read(NAME) == (b"after" if step == "fchmod" else b"before")
    assert files(store.directory) == [NAME]


def test_no_part_is_left_after_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    store = LocalStore(tmp_path)
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.write(NAME, b"x")
    assert files(tmp_path) == []


def test_content_reaches_the_disk_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Power loss must not leave a name without its bytes."""
    seen = []
    before = os.fsync

    def looked(descriptor: int) -> None:
        seen.append((os.fstat(descriptor).st_size, (tmp_path / NAME).exists()))
        before(descriptor)

    store = LocalStore(tmp_path)
    monkeypatch.setattr(os, "fsync", looked)
    store.write(NAME, b"seven b")
    assert seen == [(7, False)]


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("permissions", [0o700, 0o750, 0o2770, 0o777])
def test_whoever_may_write_to_the_folder_may_write_to_all_of_it(
    tmp_path: Path, umask: int, permissions: int
) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(permissions)
    store = LocalStore(folder)
    store.write(NAME, b"x")
    assert stat.S_IMODE((folder / "ab").stat().st_mode) == permissions
    assert stat.S_IMODE((folder / NAME).stat().st_mode) == permissions & 0o666
    # a folder that was there before keeps what its owner gave it
    (folder / "cd").mkdir(mode=0o700)
    (folder / "cd").chmod(0o711)
    store.write(OTHER, b"x")
    assert stat.S_IMODE((folder / "cd").stat().st_mode) == 0o711


def test_a_read_only_folder_is_read_and_takes_nothing(
    tmp_path: Path, read_only: Callable[[Path], Path]
) -> None:
    LocalStore(tmp_path / "made").write(NAME, b"kept")
    folder = read_only(tmp_path / "made")
    store = LocalStore(folder)
    assert not store.writable
    assert store.read(NAME) == b"kept"
    assert [name for name, *_ in store.entries()] == [NAME]
    with pytest.raises(OSError, match="Read-only"):
        store.write(OTHER, b"x")
    with pytest.raises(OSError, match="Read-only"):
        store.delete(NAME)
    remote = RemoteStore(f"file://{folder}")
    assert not remote.writable
    assert remote.read(NAME) == b"kept"
    assert "Read-only file system" in refused(folder / "not there")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_refused_permission_makes_a_cache_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    LocalStore(tmp_path).write(NAME, b"kept")
    monkeypatch.setattr(tempfile, "mkstemp", failing(code))  # root may write anywhere
    store = LocalStore(tmp_path)
    assert not store.writable
    assert store.read(NAME) == b"kept"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.ESTALE])
def test_any_other_fault_at_the_start_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(tempfile, "mkstemp", failing(code))
    told = refused(tmp_path)
    assert os.strerror(code) in told
    assert "cache_dir=None" in told


def test_a_folder_that_is_closed_altogether_is_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_stat = Path.stat

    def closed(path: Path, **options: bool) -> os.stat_result:
        if path.parent == tmp_path:  # as without the permission to search the folder
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return true_stat(path, **options)

    monkeypatch.setattr(tempfile, "mkstemp", failing(errno.EACCES))
    monkeypatch.setattr(Path, "stat", closed)
    assert "Permission denied" in refused(tmp_path)


def test_a_closed_folder_within_is_listed_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    store.write(NAME, b"x")
    (tmp_path / "lost+found").mkdir()
    true_iterdir = Path.iterdir

    def closed(path: Path):
        if path.name == "lost+found":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return true_iterdir(path)

    monkeypatch.setattr(Path, "iterdir", closed)
    assert [name for name, *_ in store.entries()] == [NAME, "lost+found"]


def test_what_is_taken_away_while_somebody_looks_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    for name in (NAME, OTHER):
        store.write(name, b"x")
    true_iterdir = Path.iterdir

    def looked(path: Path):
        if path.name == "ab":  # between the look at the whole and the look into it
            (tmp_path / NAME).unlink()
            path.rmdir()
        return true_iterdir(path)

    monkeypatch.setattr(Path, "iterdir", looked)
    assert [name for name, *_ in store.entries()] == [OTHER]


def test_an_entry_that_cannot_be_read_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    store.write(NAME, b"x")
    monkeypatch.setattr(Path, "read_bytes", failing(errno.EIO))
    assert store.read(NAME) is None


def test_a_worker_in_another_folder_finds_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = LocalStore(Path("cache"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.write(NAME, b"x")
    assert files(tmp_path) == [f"cache/{NAME}"]


# --- behind a URL


def test_where_objects_are_files_they_are_moved_to_their_name(pretending: type[Pretending]) -> None:
    store = RemoteStore("pretending://host/cache")
    pretending.calls.clear()
    store.write(NAME, b"x")
    assert pretending.calls == ["makedirs", "pipe_file", "mv"]
    assert list(pretending.store) == [f"/host/cache/{NAME}"]


def test_object_stores_put_a_whole_object_and_move_nothing(pretending: type[Pretending]) -> None:
    pretending.faults["mv"] = NotImplementedError("no rename here")
    store = RemoteStore("pretending_objects://host/cache")
    store.write(NAME, b"x")
    assert "mv" not in pretending.calls
    assert store.read(NAME) == b"x"


@pytest.mark.parametrize("step", ["pipe_file", "mv"])
def test_no_part_is_left_behind_a_url(pretending: type[Pretending], step: str) -> None:
    store = RemoteStore("pretending://host/cache")
    pretending.faults[step] = NoCredentialsError("the token is too old")
    with pytest.raises(OSError, match="NoCredentialsError: the token is too old"):
        store.write(NAME, b"x")
    assert dict(pretending.store) == {}


@pytest.mark.parametrize(
    "fault", [PermissionError(), OSError(errno.EROFS, "ro"), NotImplementedError()]
)
@pytest.mark.parametrize("step", ["makedirs", "pipe_file"])
def test_a_read_only_place_is_read(
    pretending: type[Pretending], step: str, fault: Exception
) -> None:
    RemoteStore("pretending://host/cache").write(NAME, b"kept")
    pretending.faults[step] = fault
    cache = FeatureCache("pretending://host/cache")
    assert not cache.writable
    assert store_at("pretending://host/cache").read(NAME) == b"kept"


@pytest.mark.parametrize("status", [401, 403, 405, 501])
def test_a_server_that_refuses_to_be_written_to_is_read(
    pretending: type[Pretending], status: int
) -> None:
    """As HTTP clients say it: an exception with the status of the answer."""
    fault = NoCredentialsError("refused")
    fault.status = status
    pretending.faults["pipe_file"] = fault
    assert not RemoteStore("pretending://host/cache").writable
    fault.status = 500
    assert "NoCredentialsError: refused" in refused("pretending://host/cache")


@pytest.mark.parametrize("fault", [PermissionError(), NotImplementedError(), FileNotFoundError()])
def test_where_nothing_may_be_taken_away_the_probe_stays(
    pretending: type[Pretending], fault: Exception
) -> None:
    pretending.faults["rm_file"] = fault
    assert RemoteStore("pretending://host/cache").writable


def test_missing_is_not_the_same_as_not_answering(pretending: type[Pretending]) -> None:
    cache = FeatureCache("pretending://host/cache")
    key = "ab" * 32
    assert cache.get(key, ["x__y"]) is None
    for fault in (
        NoCredentialsError("expired"),
        ConnectionResetError("gone"),
        TimeoutError("late"),
    ):
        pretending.faults["cat_file"] = fault
        with pytest.raises(FeatureError, match=f"does not answer.*{fault}") as caught:
            cache.get(key, ["x__y"])
        assert caught.value.code == "cache_unusable"
        with pytest.raises(FeatureError, match="start again") as caught:
            cache.get_record(key)
    pretending.faults["pipe_file"] = NoCredentialsError("expired")
    with pytest.raises(FeatureError, match=r"cannot be written to.*NoCredentialsError") as caught:
        cache.put_record(key, {})
    assert caught.value.code == "cache_unusable"


@pytest.mark.parametrize("step", ["makedirs", "pipe_file", "exists"])
@pytest.mark.parametrize(
    "fault", [NoCredentialsError("no token"), RuntimeError("no token"), ConnectionError("no token")]
)
def test_what_client_libraries_raise_is_one_error(
    pretending: type[Pretending], step: str, fault: Exception
) -> None:
    pretending.faults[step] = fault
    with pytest.raises(FeatureError, match="no token") as caught:
        (is_there if step == "exists" else store_at)("pretending://host/cache")
    assert caught.value.code == "cache_unusable"


def test_a_url_given_as_path_is_refused(memory: str) -> None:
    for url in (memory, "s3://bucket/x", "sftp://me:secret@host/x"):
        with pytest.raises(FeatureError, match="given as text") as caught:
            FeatureCache(Path(url))
        assert "secret" not in str(caught.value)
        with pytest.raises(FeatureError, match="given as text"):
            is_there(Path(url))


@pytest.mark.parametrize(
    ("url", "named"),
    [("nosuch://x/y", "nosuch"), ("sftp://host/x", "paramiko"), ("s3://bucket/x", "s3fs")],
)
def test_what_is_missing_is_named(url: str, named: str) -> None:
    try:
        fsspec.get_filesystem_class(url.split(":")[0])
    except (ImportError, ValueError):
        assert named in refused(url)
    else:
        pytest.skip(f"{named} is here")


# --- no credentials in what is shown

PASSWORDS = ["secret", "p@ss", "se:cr", "a?b#c", "$ecret!"]


@pytest.mark.parametrize("password", PASSWORDS)
def test_an_address_is_shown_without_its_password(password: str) -> None:
    assert shown_address(f"sftp://me:{password}@host/x@y") == "sftp://host/x@y"
    assert (
        shown_address(f"simplecache::sftp://me:{password}@host/x") == "simplecache::sftp://host/x"
    )


@given(st.text("abc123@:!$%&?#=+-._~", min_size=1), st.sampled_from(["host", "host:22"]))
def test_nothing_before_the_host_is_shown(user: str, host: str) -> None:
    assert shown_address(f"s3://{user}@{host}/a/b@c") == f"s3://{host}/a/b@c"


@pytest.mark.parametrize("key", ["sig", "X-Amz-Signature", "token"])
def test_a_query_is_not_shown(key: str) -> None:
    told = shown_address(f"https://host/cache?{key}=secret&x=1")
    assert told.startswith("https://host/cache")
    assert "secret" not in told


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("step", ["pipe_file", "cat_file", "exists"])
def test_no_message_has_the_password(
    pretending: type[Pretending], step: str, password: str
) -> None:
    url = f"pretending://me:{password}@host/cache"
    fault = NoCredentialsError(f"cannot log in to {url} as me:{password}@host, ask admin@host")
    cache = FeatureCache(url)
    pretending.faults[step] = fault
    told = []
    for use in (
        lambda: FeatureCache(url),
        lambda: is_there(url),
        lambda: cache.get_record("ab" * 32),
        lambda: cache.put_record("ab" * 32, {}),
    ):
        try:
            use()
        except FeatureError as error:
            told.append(str(error))
    assert told
    for text in (*told, repr(cache)):
        assert password not in text
        assert "host/cache" in text
    assert all("ask admin@host" in text for text in told)
