"""Tables of embeddings as other tools write them, made with PyArrow alone."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

DIM = 16


def vectors(count: int, dim: int = DIM, seed: int = 0) -> NDArray[np.float32]:
    made = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    unit: NDArray[np.float32] = made / np.linalg.norm(made, axis=1, keepdims=True)
    return unit


def square(longitude: float, latitude: float, side: float = 0.1, z: bool = False) -> bytes:
    """WKB of a square, its lower left corner given, closed and anticlockwise as most writers do it."""
    x, y, s = longitude, latitude, side
    corners = [(x, y), (x + s, y), (x + s, y + s), (x, y + s), (x, y)]
    numbers = [n for a, b in corners for n in ((a, b, 7.0) if z else (a, b))]
    return struct.pack(f"<BIII{len(numbers)}d", 1, 1003 if z else 3, 1, 5, *numbers)


def geo(column: str = "geometry", crs: Any = "absent") -> dict[str, str]:
    """The metadata of a GeoParquet file."""
    about: dict[str, Any] = {"encoding": "WKB", "geometry_types": ["Polygon"]}
    if crs != "absent":
        about["crs"] = crs
    return {"geo": json.dumps({"version": "1.1.0", "primary_column": column, "columns": {column: about}})}


def geopandas(path: Path, count: int = 50) -> NDArray[np.float32]:
    """As GeoDataFrame.to_parquet: WKB, geo metadata with a CRS, float64 lists, the frame's index last."""
    made = vectors(count)
    crs = {"type": "GeographicCRS", "name": "WGS 84", "id": {"authority": "EPSG", "code": 4326}}
    table = pa.table(
        {
            "source_url": [f"s3://tiles/{i}.tif" for i in range(count)],
            "date": pa.array([18000 + i for i in range(count)], pa.int32()).cast(pa.date32()),
            "embeddings": pa.array(made.astype(np.float64).tolist(), pa.list_(pa.float64())),
            "geometry": pa.array([square(10 + i / 10, 50) for i in range(count)], pa.binary()),
            "__index_level_0__": np.arange(count),
        }
    )
    pq.write_table(table.replace_schema_metadata(geo(crs=crs)), path)
    return made


def duckdb(path: Path, count: int = 50) -> NDArray[np.float32]:
    """As COPY ... TO of a FLOAT[n] column: lists of float32, a GEOMETRY as plain WKB, a BIGINT id."""
    made = vectors(count)
    table = pa.table(
        {
            "id": pa.array(range(count), pa.int64()),
            "embedding": pa.array(made.tolist(), pa.list_(pa.float32())),
            "geom": pa.array([square(-70, i / 10, z=True) for i in range(count)], pa.binary()),
            "cloud": pa.array([float(i) if i % 2 else None for i in range(count)]),
            "day": pa.array([i % 3 == 0 for i in range(count)]),
        }
    )
    pq.write_table(table, path, row_group_size=20)
    return made


def pandas_csv(path: Path, count: int = 50) -> NDArray[np.float32]:
    """As DataFrame.to_csv: an unnamed index, lists as Python prints them."""
    made = vectors(count)
    lines = [",tile_id,embedding,lon,lat,timestamp,class"]
    for i, row in enumerate(made.tolist()):
        place = f"{12 + i / 100},-33.5"
        kind = ("urban", "rural")[i % 2]
        lines.append(f'{i},t{i},"{row}",{place},2024-05-0{1 + i % 9} 10:00:00,{kind}')
    path.write_text("\n".join(lines) + "\n")
    return made


def numpy_csv(path: Path, count: int = 20) -> NDArray[np.float32]:
    """As pandas writes a column of NumPy arrays: brackets, blanks and line breaks."""
    made = vectors(count, 40)
    with np.printoptions(precision=9, threshold=10**6):
        cells = [f'"{row}"' for row in made]
    path.write_text("name,vector\n" + "".join(f"n{i},{cell}\n" for i, cell in enumerate(cells)))
    return made


def alphaearth(path: Path, count: int = 30) -> NDArray[np.float32]:
    """A column of signed bytes for each of 64 axes, as sampled from the annual rasters; row 3 is masked."""
    rng = np.random.default_rng(0)
    stored = rng.integers(-127, 128, (count, 64)).astype(np.int8)
    stored[3] = -128
    columns: dict[str, Any] = {f"A{axis:02d}": stored[:, axis] for axis in range(64)}
    columns |= {
        "longitude": np.linspace(5, 6, count),
        "latitude": np.full(count, 60.0),
        "year": np.full(count, 2024),
    }
    pq.write_table(pa.table(columns), path)
    values = stored.astype(np.float32)
    meant: NDArray[np.float32] = np.sign(values) * np.square(values / 127.5)
    return meant


def major_tom(path: Path, count: int = 30) -> NDArray[np.float32]:
    """The columns of Major TOM's embedding sets."""
    made = vectors(count)
    table = pa.table(
        {
            "unique_id": [f"u{i:04d}" for i in range(count)],
            "embedding": pa.array(list(made.astype(np.float32)), pa.list_(pa.float32())),
            "timestamp": [f"20200{1 + i % 9}15T103421" for i in range(count)],
            "product_id": ["S2A_MSIL2A"] * count,
            "grid_cell": [f"{i}U_3R" for i in range(count)],
            "grid_row_u": pa.array(range(count), pa.int16()),
            "geometry": pa.array([square(100, i / 10) for i in range(count)], pa.binary()),
            "centre_lat": np.zeros(count),
            "centre_lon": np.zeros(count),
            "utm_crs": ["EPSG:32633"] * count,
            "pixel_bbox": pa.array([[0, 0, 224, 224]] * count, pa.list_(pa.int16())),
        }
    )
    pq.write_table(table.replace_schema_metadata(geo()), path)
    return made
