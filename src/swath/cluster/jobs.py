"""Indexing on a Ray cluster: workers decode and encode, this process adds what they leave.

Ray runs each unit as a task: it finds a free worker, runs the task again elsewhere when a worker dies, and
uses machines that join. Nothing but the orders goes through its object store: workers read the sources and
leave their units on the file system that all share.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swath.errors import ClusterError, InputError, SwathError
from swath.types import Encoder, Progress, Scalar

if TYPE_CHECKING:
    from swath.archive import AddReport, Store, Unit
    from swath.imagery import Place

RETRIES = 3
"""How often a unit is tried again when its worker dies: what kills them all must not go round for ever."""
AHEAD = 2
"""Units that are ordered for every worker, so that none waits for the next."""
_TICK = 0.2
_SECONDS = 10.0


def add(
    store: Store,
    sources: Sequence[Place],
    encoder: Encoder,
    on: str,
    *,
    attributes: Mapping[str, Scalar] | None = None,
    progress: Progress | None = None,
    threads: int | None = None,
) -> AddReport:
    """`Store.add`, with tiles decoded and encoded by a cluster; the archive comes out the same.

    `on` is `ray`, the cluster that RAY_ADDRESS names or that runs on this machine, or `ray://HOST:PORT`, one
    whose head is elsewhere. Each worker takes `threads` processors (default: 1), as many workers as there are
    processors for. Sources and archive are at the same paths on all machines.

    Raises what `Store.add` raises; `InputError` where `on` names no cluster or Ray is not installed, and
    `ClusterError` where the cluster cannot be reached, its workers do not fit, or units fail on it.
    """
    if on != "ray" and not on.startswith("ray://"):
        raise InputError(f"{on!r} is no cluster: write ray, or ray://HOST:PORT")
    with _connected(on) as ray:
        cluster = _Cluster(ray, threads or 1)
        return store.add_encoded(
            sources, encoder, cluster.encoding, cluster.workers, attributes=attributes, progress=progress
        )


@contextmanager
def _connected(on: str) -> Iterator[Any]:
    """Ray, connected for as long as it takes; a connection that was there stays."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns of its next version
    try:
        import ray
    except ImportError as error:
        raise InputError("a cluster needs Ray: pip install 'swath[cluster]'") from error
    if ray.is_initialized():
        yield ray
        return
    address = on if on != "ray" else os.environ.get("RAY_ADDRESS") or "auto"
    _reach(address)
    try:
        with warnings.catch_warnings(action="ignore"):  # what fails is told below
            ray.init(address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ImportError, OSError, RuntimeError, ValueError) as error:
        raise _unusable(address, _line(error)) from error
    try:
        with redirect_stdout(sys.stderr):  # where Ray tells of nodes that are lost
            yield ray
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raise `ClusterError` where nobody listens, which Ray takes minutes to say."""
    host, colon, port = address.removeprefix("ray://").rstrip("/").rpartition(":")
    if not colon and address == "auto":
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS).close()
    except ValueError as error:
        raise InputError(f"the cluster {address!r} has no port: write ray://HOST:PORT") from error
    except OSError as error:
        raise _unusable(address, f"{error.strerror or error}.") from error


def _unusable(address: str, why: str) -> ClusterError:
    where = "no cluster was found" if address == "auto" else f"the cluster at {address} cannot be used"
    return ClusterError(
        f"{where}: {why} Start one by `ray start --head`, or check the address, and that all machines "
        "have the same versions of Python and Ray"
    )


class _Cluster:
    def __init__(self, ray: Any, threads: int) -> None:
        from swath.cluster.worker import encode

        self._ray, self._threads = ray, threads
        self._encode = ray.remote(num_cpus=threads, max_retries=RETRIES)(encode)

    @property
    def workers(self) -> int:
        """How many the cluster has room for now. Raises `ClusterError` for none."""
        processors = int(self._ray.cluster_resources().get("CPU", 0))
        if processors < self._threads:
            raise ClusterError(
                f"the cluster has {processors} processors, and a worker takes {self._threads}: give it fewer "
                "threads, or start a node with more"
            )
        return processors // self._threads

    @contextmanager
    def encoding(self, units: Sequence[Unit]) -> Iterator[Mapping[Path, Future[None]]]:
        """Have units encoded, in order, while this is entered; implements `swath.archive.Encode`."""
        done: dict[Path, Future[None]] = {unit.path: Future() for unit in units}
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(units, done, stop), name="swath-cluster")
        thread.start()
        try:
            yield done
        finally:
            stop.set()
            thread.join()

    def _run(self, units: Sequence[Unit], done: Mapping[Path, Future[None]], stop: threading.Event) -> None:
        from ray.exceptions import RayError

        waiting, running = deque(units), dict[Any, Future[None]]()
        try:
            while (waiting or running) and not stop.is_set():
                while waiting and len(running) < AHEAD * self.workers:
                    unit = waiting.popleft()
                    running[self._encode.remote(unit, self._threads, version("swath"))] = done[unit.path]
                ready, _ = self._ray.wait(list(running), timeout=_TICK)
                for order in ready:
                    self._settle(order, running.pop(order))
            for order in running:
                self._ray.cancel(order, force=True)
        except (ConnectionError, RayError, RuntimeError, SwathError) as error:
            failed = (
                error
                if isinstance(error, SwathError)
                else ClusterError(f"the cluster is lost: {_line(error)}")
            )
            for future in done.values():
                if not future.done():
                    future.set_exception(failed)

    def _settle(self, order: Any, future: Future[None]) -> None:
        from ray.exceptions import RayError, RayTaskError

        try:
            self._ray.get(order)
        except RayTaskError as error:
            cause = error.cause
            future.set_exception(
                cause if isinstance(cause, SwathError) else ClusterError(_failed(cause or error))
            )
        except RayError as error:
            future.set_exception(ClusterError(_failed(error)))
        else:
            future.set_result(None)


def _failed(error: BaseException) -> str:
    why = f"{type(error).__name__}: {_line(error)}"
    if "No module named 'swath" in str(error):
        why = "swath is not installed there."
    return (
        f"a worker of the cluster failed: {why} What was committed is kept: mend the "
        "cluster, and run the same command to go on"
    )


def _line(error: BaseException) -> str:
    """The first line of what it says, as a sentence."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".:") + "."
