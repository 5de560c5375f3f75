from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client

import tumor_response as tr
from tumor_response.exceptions import SettingsError, WorkerError
from tumor_response.features.extract import Means
from tumor_response.parallel import cluster as room
from tumor_response.parallel.cluster import Cluster
from tumor_response.parallel.schedule import in_order, run_all
from tumor_response.parallel.threads import thread_counts


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Workers are threads of this process: nothing has to start."""
    with Client(
        n_workers=2, threads_per_worker=2, processes=False, dashboard_address=":0"
    ) as client:
        yield client


def test_every_task_ends_once_in_whatever_order(client: Client) -> None:
    ends = list(in_order(run_all(Cluster(abs, client), range(-40, 0))))
    assert [end.answer for end in ends] == list(range(40, 0, -1))


def test_the_place_says_how_much_room_it_has(client: Client) -> None:
    cluster: Cluster[int, int] = Cluster(abs, client)
    assert (cluster.name, cluster.slots, cluster.slots_per_memory) == ("dask", 4, 2)
    limits = [w["memory_limit"] for w in client.scheduler_info(n_workers=-1)["workers"].values()]
    assert cluster.memory_bytes == min(limits)
    cluster.close()


def test_no_more_tasks_are_on_their_way_than_the_cluster_can_soon_take(client: Client) -> None:
    began: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(100):
            began.append(number)
            yield number

    ends = run_all(Cluster(abs, client), tasks())
    next(ends)
    assert len(began) <= Cluster.ahead * 4 + 1
    ends.close()


def test_an_error_in_a_task_is_that_tasks_end(client: Client) -> None:
    def work(number: int) -> int:
        if number == 3:
            raise KeyError("of the work itself")
        return number

    ends = {end.number: end for end in run_all(Cluster(work, client), range(6))}
    assert [n for n, end in ends.items() if end.error is not None] == [3]
    assert isinstance(ends[3].error, KeyError)
    assert sorted(end.answer for end in ends.values() if end.error is None) == [0, 1, 2, 4, 5]


def test_pools_are_held_while_a_task_runs(client: Client) -> None:
    def threads(_: int) -> int:
        return max(thread_counts().values())

    assert {end.answer for end in run_all(Cluster(threads, client), range(8))} == {1}


def test_a_cluster_without_workers_is_told_of_and_waited_for(monkeypatch) -> None:
    monkeypatch.setattr(room, "_ALONE_S", 0.0)
    monkeypatch.setattr(room, "_LISTEN_S", 0.05)
    with Client(n_workers=0, processes=False, dashboard_address=":0") as alone:
        cluster: Cluster[int, int] = Cluster(abs, alone)
        cluster.submit(0, -3)
        help_comes = threading.Timer(1.0, alone.cluster.scale, [1])
        help_comes.start()
        with pytest.warns(UserWarning, match="has had no worker for") as told:
            ends = cluster.finished()
        help_comes.join()
        assert [end.answer for end in ends] == [3]
        assert len(told) == 1
        cluster.close()


def test_stopping_cancels_what_has_not_begun(client: Client, tmp_path: Path) -> None:
    def work(number: int) -> int:
        (tmp_path / str(number)).touch()
        time.sleep(0.05)
        return number

    ends = run_all(Cluster(work, client), range(1000))
    next(ends)
    ends.close()
    deadline = time.monotonic() + 10
    while client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)):
        assert time.monotonic() < deadline, "tasks are left on the scheduler"
        time.sleep(0.05)
    assert len(list(tmp_path.iterdir())) <= Cluster.ahead * 4 + 4


@pytest.mark.parametrize("wrong", ["tcp://scheduler:8786", 3, object(), Client])
def test_what_is_no_client_is_refused(wrong: object) -> None:
    with pytest.raises(SettingsError, match=r"expected a dask.distributed.Client"):
        Cluster(abs, wrong)


def test_closed_and_asynchronous_clients_are_refused(client: Client) -> None:
    address = client.scheduler_info(n_workers=0)["address"]
    with Client(address, set_as_default=False) as closed:
        pass
    with pytest.raises(WorkerError, match="the client is closed") as error:
        Cluster(abs, closed)
    assert error.value.code == "cluster_lost"

    async def use() -> None:
        async with Client(address, asynchronous=True, set_as_default=False) as waits:
            with pytest.raises(SettingsError, match="asynchronous"):
                Cluster(abs, waits)

    asyncio.run(use())


def test_without_dask_the_way_out_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SettingsError, match=r"pip install 'tumor-response\[cluster\]'"):
        Cluster(abs, object())


@pytest.mark.parametrize("beside", [{"n_jobs": 2}, {"memory_gb": 4}])
def test_a_client_beside_means_of_this_machine_is_refused(
    client: Client, beside: dict[str, float]
) -> None:
    with pytest.raises(SettingsError, match="Give one or the other"):
        Means(client=client, **beside)


@pytest.mark.parametrize("which", ["__version__", "python"])
def test_another_version_on_a_worker_ends_the_run(
    client: Client, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if this process, whose threads the workers are, had been another when it submitted."""
    sent = {"__version__": tr.__version__, "python": room.platform.python_version()}
    answered = room._answered

    def from_elsewhere(work: object, task: object, library: str, python: str) -> object:
        other = {"library": library, "python": python}
        other["library" if which == "__version__" else "python"] = "0.0.0"
        return answered(work, task, **other)

    monkeypatch.setattr(room, "_answered", from_elsewhere)
    ends = list(run_all(Cluster(abs, client), range(2)))
    for end in ends:
        assert isinstance(end.error, WorkerError)
        assert end.error.code == "worker_version"
        assert "0.0.0" in str(end.error)
        assert sent[which] in str(end.error)
