"""What files that are no picture are instead, by their first bytes: the commonest mistakes get a remedy."""

from __future__ import annotations

_STARTS = (
    (b"version https://git-lfs", "is a Git LFS pointer, not the file itself; run git lfs pull"),
    (b"<!doctype html", "is an HTML page, as servers send instead of a picture; download it again"),
    (b"<html", "is an HTML page, as servers send instead of a picture; download it again"),
    (b"<vrtdataset", "is a virtual raster that points to other files; index those, or make a GeoTIFF of it"),
    (b"<svg", "is an SVG drawing; convert it to PNG"),
    (b"<?xml", "is XML, not a picture; if it describes a raster, index the raster's own file"),
    (b'{"', "is JSON, perhaps an error message of a server; download it again"),
    (b"\0\0\0\x0cjp  ", "is JPEG 2000; convert it to a GeoTIFF (gdal_translate)"),
    (b"\xff\x4f\xff\x51", "is JPEG 2000; convert it to a GeoTIFF (gdal_translate)"),
    (b"\0\0\0\x0cjxl ", "is JPEG XL; convert it to PNG or JPEG"),
    (b"\xff\x0a", "is JPEG XL; convert it to PNG or JPEG"),
    (b"\x89hdf\r\n\x1a\n", "is HDF5 or netCDF; convert the variable to a GeoTIFF (gdal_translate)"),
    (b"\x0e\x03\x13\x01", "is HDF4; convert the variable to a GeoTIFF (gdal_translate)"),
    (b"cdf\x01", "is netCDF; convert the variable to a GeoTIFF (gdal_translate)"),
    (b"cdf\x02", "is netCDF; convert the variable to a GeoTIFF (gdal_translate)"),
    (b"nitf", "is NITF; convert it to a GeoTIFF (gdal_translate)"),
    (b"%pdf", "is a PDF document; export its pictures"),
    (b"pk\x03\x04", "is a zip archive; unpack it"),
    (b"\x1f\x8b", "is compressed by gzip; unpack it"),
)
_HEIF = frozenset({b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis"})


def remedy(start: bytes) -> str | None:
    """What a file with these first bytes (32 or so) is, and what to do; None where it may be a picture."""
    if start[4:8] == b"ftyp" and start[8:12] in _HEIF:
        return "is HEIF or AVIF, whatever its name says; convert it to JPEG or PNG"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    beginnings = (start.lower(), text.lower())
    return next(
        (words for sign, words in _STARTS if any(one.startswith(sign.lower()) for one in beginnings)), None
    )
