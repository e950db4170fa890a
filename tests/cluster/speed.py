"""Speed of an index on one worker and on two, and whether the archives are equal.

python -m tests.cluster.speed SCENES
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from swath import archive
from tests.archive.test_gathering import rows
from tests.cluster.local import Cluster


def main(scenes: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))
    try:
        with Cluster(folder) as cluster:
            for workers in (1, 2):
                if workers == 2:
                    cluster.start(f"--address={cluster.address}")
                for name in ("warm", str(workers)):  # loading the encoder is no part of it
                    shutil.rmtree(folder / name, ignore_errors=True)
                    begun = time.monotonic()
                    run = cluster.swath("index", scenes, "--archive", folder / name, "--on", "ray")
                    said, told = run.communicate()
                    assert run.returncode == 0, told
                print(f"{workers} workers: {time.monotonic() - begun:.1f} s; {said.splitlines()[0]}")  # noqa: T201
        one, two = (rows(archive.open_store(folder / name)) for name in ("1", "2"))
        print(f"{len(one):,} rows, {'equal' if one == two else 'NOT EQUAL'}")  # noqa: T201
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
