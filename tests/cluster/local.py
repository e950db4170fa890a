"""A Ray cluster on this machine, for a test: private ports and folder, and nothing of it is left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

_STORE = 80 << 20
_PATIENCE = 120.0


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Cluster:
    """Context manager over a head and a second node, with one processor each."""

    def __init__(self, folder: Path) -> None:
        """`folder` must have a short name: Ray puts sockets below it."""
        self._folder = folder
        self.address = f"127.0.0.1:{free_port()}"
        self._environment = {
            **os.environ,
            "RAY_ADDRESS": self.address,
            "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "TMPDIR": str(folder),
        }

    def __enter__(self) -> Cluster:
        try:
            port = self.address.rpartition(":")[2]
            self.start("--head", f"--port={port}", f"--temp-dir={self._folder}", "--include-dashboard=false")
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def start(self, *options: str) -> None:
        """Start a node."""
        ray = Path(sys.executable).with_name("ray")
        command = [str(ray), "start", *options, "--num-cpus=1", f"--object-store-memory={_STORE}"]
        if "--head" in options:
            command.append(f"--ray-client-server-port={free_port()}")
        with (self._folder / "start.log").open("ab") as log:
            done = subprocess.run(
                [*command, "--disable-usage-stats"],
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=_PATIENCE,
                env={name: value for name, value in self._environment.items() if name != "RAY_ADDRESS"},
                check=False,
            )
        assert done.returncode == 0, (self._folder / "start.log").read_text()

    def swath(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """A `swath` that uses the cluster."""
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("swath")), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
        )

    def processes(self, named: str) -> list[int]:
        """Processes of this cluster whose command line has that in it."""
        return [pid for pid, line in self._lines() if named in line]

    def end(self) -> None:
        """Stop every process of it, and wait until they are gone."""
        deadline = time.monotonic() + 30
        while (pids := [pid for pid, _ in self._lines()]) and time.monotonic() < deadline:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(0.1)
        assert not self._lines()

    def _lines(self) -> list[tuple[int, str]]:
        """Pid and command line of what was started with this cluster's environment."""
        mark = f"TMPDIR={self._folder}".encode()
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                own = (place / "environ").read_bytes().split(b"\0")
                line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                state = (place / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if mark in own and state != "Z":
                found.append((int(place.name), line))
        return found
