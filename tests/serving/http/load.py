"""What `/search` carries: requests per second, latencies and memory, beside the library in one process.

`python -m tests.serving.http.load --make FOLDER --tiles 100000` makes an archive of random vectors with the
encoder `base`, and `python -m tests.serving.http.load FOLDER` measures it: the library first, then a server
in a process of its own that clients in another one ask over connections that stay open.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

import swath
from swath import encoders
from tests.serving.http.helpers import SWATH

_THINGS = (
    "boats",
    "storage tanks",
    "a bridge",
    "planes",
    "houses",
    "a stadium",
    "trees",
    "a road",
    "cars",
    "a farm",
)
_PLACES = (
    "in a harbour",
    "beside a river",
    "at an airport",
    "in a city",
    "near the coast",
    "on a hill",
    "in a field",
)
QUERIES = [f"{number} {thing} {place}" for number in range(2, 30) for thing in _THINGS for place in _PLACES]
"""So many different texts that no cache of answers would do."""


def make(folder: Path, tiles: int) -> None:
    """An archive of `tiles` random vectors that the encoder `base` can be asked about."""
    table = folder.with_suffix(".vectors.npy")
    dim = encoders.load(encoders.DEFAULT).dim
    vectors = np.random.default_rng(0).normal(size=(tiles, dim)).astype(np.float32)
    np.save(table, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    importing = [*SWATH, "import", str(folder), str(table), "--encoder", encoders.DEFAULT, "--quiet"]
    subprocess.run(importing, check=True)
    table.unlink()


def percentiles(seconds: list[float]) -> dict[str, float]:
    values = np.percentile(np.array(seconds) * 1e3, (50, 95, 99))
    return dict(zip(("p50 ms", "p95 ms", "p99 ms"), values.round(2).tolist(), strict=True))


def library(path: Path, seconds: float, threads: int) -> dict[str, Any]:
    """Searches a second of threads that share an archive, as those of the server do."""
    archive = swath.open(path)
    archive.search("warm", k=20)
    took: list[float] = []
    end = time.monotonic() + seconds

    def ask(first: int) -> None:
        number = first
        while time.monotonic() < end:
            begun = time.perf_counter()
            archive.search(QUERIES[number % len(QUERIES)], k=20)
            took.append(time.perf_counter() - begun)
            number += threads

    begun = time.monotonic()
    workers = [threading.Thread(target=ask, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {
        "threads": threads,
        "requests/s": round(len(took) / (time.monotonic() - begun), 1),
        **percentiles(took),
    }


async def drive(port: int, seconds: float, clients: int, most: int) -> dict[str, Any]:
    """Clients that each send the next request when the answer to the last has come."""
    took: list[float] = []
    failed = 0
    end = time.monotonic() + seconds

    async def one(first: int) -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        number = first
        while time.monotonic() < end and len(took) + failed < most:
            query = urlencode({"text": QUERIES[number % len(QUERIES)], "k": 20})
            begun = time.perf_counter()
            writer.write(f"GET /search?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            if head.startswith(b"HTTP/1.1 200"):
                took.append(time.perf_counter() - begun)
            else:
                failed += 1
            number += clients
        writer.close()

    begun = time.monotonic()
    await asyncio.gather(*(one(number) for number in range(clients)))
    rate = len(took) / (time.monotonic() - begun)
    return {
        "clients": clients,
        "requests": len(took),
        "failed": failed,
        "requests/s": round(rate, 1),
        **percentiles(took),
    }


def resident(process: int) -> int:
    """Megabytes that are a process's own: without mapped files, which the system may drop."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) // 1000
    raise ValueError("no RssAnon")


def served(path: Path, seconds: float, clients: list[int], most: int, threads: int | None) -> dict[str, Any]:
    """A server, asked by a growing number of clients in a process of their own."""
    command = [*SWATH, "serve", str(path), "--port", "0", *(["--threads", str(threads)] if threads else [])]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            port = int(process.stderr.readline().split("://")[1].partition("/")[0].rpartition(":")[2])
            found = []
            for count in clients:
                before = resident(process.pid)
                asking = [sys.executable, "-m", "tests.serving.http.load", "--drive", str(port)]
                asking += ["--seconds", str(seconds), "--clients", str(count), "--requests", str(most)]
                done = subprocess.run(asking, check=True, capture_output=True, text=True)
                memory = {"MB before": before, "MB after": resident(process.pid)}
                found.append({**json.loads(done.stdout), **memory})
            return {"server": found}
        finally:
            process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path, nargs="?")
    parser.add_argument("--make", type=Path)
    parser.add_argument("--tiles", type=int, default=100_000)
    parser.add_argument("--drive", type=int)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, action="append")
    parser.add_argument("--threads", type=int, help="of each search of the server")
    parser.add_argument("--requests", type=int, default=10**9)
    options = parser.parse_args()
    if options.make:
        make(options.make, options.tiles)
        return
    if options.drive:
        found = asyncio.run(
            drive(options.drive, options.seconds, (options.clients or [2])[0], options.requests)
        )
        print(json.dumps(found))  # noqa: T201
        return
    result = {
        "tiles": len(swath.open(options.archive)),
        "processors": len(os.sched_getaffinity(0)),
        "load before": os.getloadavg(),
        "library": [library(options.archive, options.seconds, threads) for threads in (1, 2)],
        **served(
            options.archive,
            options.seconds,
            options.clients or [1, 2, 8, 32],
            options.requests,
            options.threads,
        ),
    }
    print(json.dumps(result, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
