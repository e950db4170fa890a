"""Threads: how many run, how many wait, and that nothing holds them for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="needs the extra serve")

from starlette.testclient import TestClient

from swath.serving import http
from swath.serving.http.previews import Recent, Thumbnails
from swath.serving.http.problems import ProblemError
from swath.serving.http.work import Workers
from tests.serving.http.helpers import problem, service_of


def test_no_more_run_or_wait_than_may() -> None:
    async def check() -> None:
        workers, gate, running = Workers(2, 3, 60), threading.Event(), []

        def work(number: int) -> int:
            running.append(number)
            gate.wait(30)
            return number

        tasks = [asyncio.create_task(workers.run(work, number)) for number in range(5)]
        await asyncio.sleep(0.05)
        assert workers.taken == 5 and len(running) <= 2
        with pytest.raises(ProblemError, match="waiting") as refused:
            await workers.run(work, 5)
        assert refused.value.status == 503 and refused.value.headers["Retry-After"]
        gate.set()
        assert await asyncio.gather(*tasks) == [0, 1, 2, 3, 4]
        await asyncio.sleep(0.05)
        assert workers.taken == 0
        workers.close()

    asyncio.run(check())


def test_what_is_given_up_counts_until_it_ends() -> None:
    async def check() -> None:
        workers, gate = Workers(1, 1, 0.05), threading.Event()
        with pytest.raises(ProblemError, match="given up"):
            await workers.run(gate.wait, 30)
        assert workers.taken == 1
        with pytest.raises(ProblemError, match="given up"):
            await workers.run(gate.wait, 30)  # waits and never begins
        await asyncio.sleep(0)
        assert workers.taken == 1
        gate.set()
        while workers.taken:
            await asyncio.sleep(0.01)
        workers.close()

    asyncio.run(check())


def test_errors_reach_who_asked() -> None:
    async def check() -> None:
        workers = Workers(1, 1, 60)
        with pytest.raises(ZeroDivisionError):
            await workers.run(lambda: 1 // 0)
        workers.close()

    asyncio.run(check())


def test_thumbnails_are_read_together_and_kept() -> None:
    reads: list[set[str]] = []

    def read(ids: Collection[str]) -> dict[str, bytes]:
        reads.append(set(ids))
        return {name: name.encode() for name in ids if name != "none"}

    async def check() -> None:
        workers = Workers(1, 9, 60)
        thumbnails = Thumbnails(read, workers)
        found = await asyncio.gather(*(thumbnails.get(name) for name in ("a", "b", "a", "none")))
        assert found == [b"a", b"b", b"a", None] and reads == [{"a", "b", "none"}]
        assert await thumbnails.get("b") == b"b" and len(reads) == 1
        assert await thumbnails.get("none") is None and len(reads) == 2
        workers.close()

    asyncio.run(check())


def test_recent_forgets_what_was_not_used() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert recent.get("b") is None and recent.get("a") == 1 and recent.get("c") == 3


def test_a_bug_is_a_problem_without_its_words(town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = service_of(town / "town.swath")

    def broken(*_args: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(service, "answer", broken)
    with TestClient(http.make_app(service), raise_server_exceptions=False) as client:
        said = problem(client.get("/search?text=red"), 500)
        assert "RuntimeError" in said and "secret" not in said


def test_many_at_once_get_what_one_gets(town: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    texts = ["red", "green", "blue", "yellow", "grey"] * 8
    with TestClient(http.make_app(service_of(town / "town.swath"))) as client:
        alone = {text: client.get("/search", params={"text": text}).json() for text in set(texts)}
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda text: client.get("/search", params={"text": text}).json(), texts))
    assert answers == [alone[text] for text in texts]
