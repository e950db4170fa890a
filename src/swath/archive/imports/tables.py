"""Tables of embeddings on disk, a chunk of rows at a time: Parquet, GeoParquet, CSV, NumPy arrays."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pyarrow.types as kind_is
from numpy.typing import NDArray

from swath.archive.imports.columns import BOX, BYTES, FLAG, NUMBER, OTHER, TEXT, TIME, VECTOR
from swath.errors import InputError

PARQUET = (".parquet", ".geoparquet", ".pq", ".gpq")
CSV = (".csv", ".tsv", ".txt")
_CSV_BLOCK = 8 << 20
_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows; `beside` are their vectors where these lie in a file of their own."""

    batch: Any
    beside: NDArray[Any] | None
    start: int
    """Number of the first row in the table."""

    def __len__(self) -> int:
        if self.batch is not None:
            return len(self.batch)
        assert self.beside is not None, "a chunk has columns, vectors or both"
        return len(self.beside)

    def values(self, name: str) -> list[Any]:
        """A column as Python values, None where missing."""
        values: list[Any] = self.batch.column(name).to_pylist()
        return values

    def vectors(self, names: Sequence[str]) -> NDArray[np.float32]:
        """float32[n, D]: one column of lists, a column for each number, or the array beside the table.

        A missing vector is NaN. Raises `InputError` where two lengths meet.
        """
        if self.beside is not None:
            return np.asarray(self.beside, np.float32)
        columns = [self.batch.column(name) for name in names]
        if len(columns) > 1:
            return np.stack([_floats(column) for column in columns], axis=1)
        if kind_is.is_string(columns[0].type) or kind_is.is_large_string(columns[0].type):
            return self._parsed(columns[0].to_pylist())
        return self._lists(columns[0])

    def is_int8(self, names: Sequence[str]) -> bool:
        """Whether the vectors are stored as signed bytes."""
        return bool(names) and all(kind_is.is_int8(_inner(self.batch.column(name).type)) for name in names)

    def _lists(self, column: Any) -> NDArray[np.float32]:
        if isinstance(column, pa.ExtensionArray):
            column = column.storage
        valid = np.asarray(column.is_valid())
        lengths = np.asarray(column.value_lengths().drop_null())
        dim = self._one_length(np.flatnonzero(valid), lengths)
        vectors = np.full((len(column), dim), np.nan, np.float32)
        vectors[valid] = _floats(column.drop_null().flatten()).reshape(-1, dim)
        return vectors

    def _parsed(self, texts: list[str | None]) -> NDArray[np.float32]:
        """Lists that were written as text: `[0.1, 0.2]` of Python and `[0.1 0.2]` of NumPy."""
        rows = []
        for place, text in enumerate(texts):
            words = (text or "").strip().strip("[](){}").replace(",", " ").split()
            try:
                rows.append(np.array(words, np.float32))
            except ValueError as error:
                raise InputError(
                    f"row {self.start + place + 1}: {(text or '')[:40]!r} is no list of numbers; a list that "
                    "was shortened with ... cannot be read back"
                ) from error
        lengths = np.array([len(row) for row in rows])
        known = np.flatnonzero(lengths)
        vectors = np.full((len(rows), self._one_length(known, lengths[known])), np.nan, np.float32)
        for number in known.tolist():
            vectors[number] = rows[number]
        return vectors

    def _one_length(self, rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> int:
        if not len(lengths):
            return 0
        other = np.flatnonzero(lengths != lengths[0])
        if len(other):
            raise InputError(
                f"row {self.start + int(rows[other[0]]) + 1} has a vector of {lengths[other[0]]} numbers and "
                f"row {self.start + int(rows[0]) + 1} one of {lengths[0]}: an archive holds one length, so "
                "import them apart"
            )
        return int(lengths[0])


class EmbeddingTable:
    """A table on disk. Raises `InputError` where it is missing, damaged or of no known form."""

    def __init__(self, path: Path, vectors: Path | None = None) -> None:
        self.path = path
        self.kinds: dict[str, str] = {}
        """Column -> kind."""
        self.rows: int | None = None
        """None where only reading would tell."""
        self.geometry: str | None = None
        """Primary geometry of a GeoParquet file."""
        self.crs: str | None = None
        """Its coordinate system, None where it is longitude and latitude."""
        for file in (path, *([] if vectors is None else [vectors])):
            if file.is_dir():
                raise InputError(f"{file} is a folder: import its files one by one into the same archive")
            if not file.is_file():
                raise InputError(f"there is no file {file}: name a Parquet, CSV or .npy file")
        self._vectors = None if vectors is None else _array(vectors)
        suffix = path.suffix.lower()
        if suffix == ".npy" and vectors is None:
            self._vectors = _array(path)
            self.rows = len(self._vectors)
        elif suffix in PARQUET:
            self._read_header()
        elif suffix in CSV:
            with self._reading():
                self.kinds = _kinds(self._csv().schema)
        else:
            raise InputError(
                f"{path}: tables are {', '.join((*PARQUET, *CSV))} or .npy; convert it to one of them"
            )
        if self._vectors is not None and self.rows not in (None, len(self._vectors)):
            raise InputError(f"{path} has {self.rows} rows and {vectors} {len(self._vectors)} vectors")

    @property
    def has_vectors(self) -> bool:
        """Whether vectors are in the table, and not beside it."""
        return self._vectors is None

    def chunks(self, columns: Sequence[str], size: int) -> Iterator[Chunk]:
        """All rows in order, `size` at most at a time, with the columns named."""
        start = 0
        for batch in self._batches(columns, size):
            beside = None
            if self._vectors is not None:
                beside = self._vectors[start : start + (size if batch is None else len(batch))]
                if batch is not None and len(beside) != len(batch):
                    raise InputError(
                        f"{self.path} has more rows than there are vectors ({len(self._vectors)})"
                    )
            chunk = Chunk(batch, beside, start)
            yield chunk
            start += len(chunk)
        if self._vectors is not None and start < len(self._vectors):
            raise InputError(f"{self.path} has {start} rows and there are {len(self._vectors)} vectors")

    def _batches(self, columns: Sequence[str], size: int) -> Iterator[Any]:
        if self.path.suffix.lower() == ".npy":
            assert self.rows is not None
            yield from (None for _ in range(0, self.rows, size))
            return
        with self._reading():
            if self.path.suffix.lower() in PARQUET:
                yield from self._parquet().iter_batches(size, columns=list(columns), use_threads=False)
                return
            for block in self._csv():
                yield from (block.slice(at, size) for at in range(0, len(block), size))

    def _parquet(self) -> Any:
        # A buffered stream, so that a row group of any size is never held whole.
        return pa.parquet.ParquetFile(self.path, buffer_size=_BUFFER, pre_buffer=False)

    def _csv(self) -> Any:
        delimiter = "\t" if self.path.suffix.lower() == ".tsv" else ","
        return pa.csv.open_csv(
            self.path,
            read_options=pa.csv.ReadOptions(block_size=_CSV_BLOCK, use_threads=False),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        )

    def _read_header(self) -> None:
        with self._reading():
            file = self._parquet()
            self.kinds = _kinds(file.schema_arrow)
            self.rows = file.metadata.num_rows
            stated = (file.metadata.metadata or {}).get(b"geo")
            geo = json.loads(stated) if stated else {}
        self.geometry = geo.get("primary_column")
        column = geo.get("columns", {}).get(self.geometry, {})
        if column.get("encoding", "WKB") != "WKB":
            raise InputError(
                f"{self.path}: its geometries are encoded as {column['encoding']}; write them as WKB "
                "(GeoPandas: geometry_encoding='WKB')"
            )
        self.crs = _crs(column.get("crs"))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            says = " ".join(str(error).split())[:200]
            comma = ", and commas stand between its values" if self.path.suffix.lower() in CSV else ""
            raise InputError(f"{self.path} cannot be read ({says}): check that it is whole{comma}") from error


def _crs(stated: dict[str, Any] | None) -> str | None:
    """The coordinate system of a geometry column by its code, or whole (PROJJSON); None: degrees."""
    if not stated:
        return None
    code = stated.get("id", {})
    name = f"{code.get('authority')}:{code.get('code')}" if code else json.dumps(stated)
    return None if name == "OGC:CRS84" else name


def _array(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} is no array of NumPy that can be mapped ({error})") from error
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise InputError(f"{path} is {array.dtype}{list(array.shape)}, and vectors are numbers [n, D]")
    return array


def _kinds(schema: Any) -> dict[str, str]:
    return {column.name: _kind(column.type) for column in schema}


def _kind(column: Any) -> str:
    inner = _inner(column)
    if inner is not column:
        return VECTOR if _is_number(inner) else OTHER
    tests = {
        FLAG: kind_is.is_boolean,
        NUMBER: _is_number,
        TEXT: lambda one: (
            kind_is.is_string(one) or kind_is.is_large_string(one) or kind_is.is_dictionary(one)
        ),
        TIME: lambda one: kind_is.is_timestamp(one) or kind_is.is_date(one),
        BYTES: lambda one: kind_is.is_binary(one) or kind_is.is_large_binary(one),
        BOX: lambda one: (
            kind_is.is_struct(one) and {"xmin", "ymin", "xmax", "ymax"} <= {field.name for field in one}
        ),
    }
    return next((kind for kind, test in tests.items() if test(column)), OTHER)


def _inner(column: Any) -> Any:
    """The type of a list's values, or the type itself."""
    if isinstance(column, pa.ExtensionType) and column.extension_name == "arrow.fixed_shape_tensor":
        return column.value_type
    lists = (kind_is.is_list, kind_is.is_large_list, kind_is.is_fixed_size_list)
    return column.value_type if any(test(column) for test in lists) else column


def _is_number(column: Any) -> bool:
    return bool(kind_is.is_floating(column) or kind_is.is_integer(column) or kind_is.is_decimal(column))


def _floats(column: Any) -> NDArray[np.float32]:
    """Numbers, NaN where missing."""
    return np.asarray(column.cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False), np.float32)
