"""Make the archive of the present format that tests open for ever: `python -m tests.archive.make_format`.

Only to be run when the format number was raised and before anything was released with it; archives of older
formats stay as they are. The pictures are written below /imagery, which may be removed afterwards: paths are
kept in an archive, and these belong to nobody.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from PIL import Image

import swath
from swath.archive.formats import FORMAT
from tests.archive.world import raster
from tests.tiny import COLOURS, paint
from tests.tiny_onnx import build

FOLDER = Path(__file__).parent / "formats" / str(FORMAT)
IMAGERY = Path("/imagery")


def main() -> None:
    if FOLDER.exists():
        sys.exit(f"{FOLDER} is there already: an archive of a released format is never made again")
    IMAGERY.mkdir()
    scenes = paint(IMAGERY / "scenes")
    shutil.copy(scenes / "red.png", scenes / "same as red.png")
    dated = Image.new("RGB", (40, 30), COLOURS["grey"])
    exif = dated.getexif()
    exif[0x0132] = "2021:06:30 12:00:00"
    dated.save(scenes / "dated.jpg", exif=exif)
    encoder = build(IMAGERY / "encoder", name="tiny")
    archive = swath.index(scenes, FOLDER, encoder, tile_size=32, attributes={"cloud": 5, "night": False})
    raster(IMAGERY / "rasters" / "a.tif", seed=1, columns=2, rows=2)
    archive.add(IMAGERY / "rasters", attributes={"sensor": "aerial", "cloud": 20.5})
    archive.remove(scenes / "white.png")
    (FOLDER / "lock").unlink()
    expected = {text: [[hit.tile.id, hit.raw] for hit in archive.search(text, k=100)] for text in COLOURS}
    text = json.dumps({"tiles": len(archive), "hits": expected}, indent=1)
    FOLDER.with_suffix(".json").write_text(text + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
