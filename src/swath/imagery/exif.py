"""What a picture's EXIF says: which way is up, where and when it was taken."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from swath.types import Footprint

ORIENTATION = 0x0112
EXIF_PART, GPS_PART = 0x8769, 0x8825

# Tags of a time, and of its offset from UTC: taken, digitised (both in the EXIF part), changed.
_TAKEN = ((0x9003, 0x9011), (0x9004, 0x9012))
_CHANGED, _CHANGED_OFFSET = 0x0132, 0x9010
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 1, 2, 3, 4
_GPS_TIME, _GPS_STATUS, _GPS_DATE = 7, 9, 29

_TIME = re.compile(
    r"\s*(\d{4})[:/-](\d\d?)[:/-](\d\d?)[ T]+(\d\d?):(\d\d):(\d\d)(?:[.,]\d*)?\s*(Z|[+-]\d\d:?\d\d)?[\s\0]*"
)
_OFFSET = re.compile(r"\s*([+-])(\d\d):?(\d\d)[\s\0]*")

Tags = Mapping[int, Any]


def orientation(tags: Tags) -> int:
    """1 to 8 as EXIF defines them; 1 (upright) where it is missing or none of them."""
    value = tags.get(ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def position(gps: Tags) -> Footprint | None:
    """The GPS position as a footprint of one corner; None where it is missing, void or nowhere on Earth."""
    if _text(gps.get(_GPS_STATUS, "")).startswith("V"):
        return None
    latitude = _degrees(gps.get(_LATITUDE), _text(gps.get(_LATITUDE_REF, "")), "S")
    longitude = _degrees(gps.get(_LONGITUDE), _text(gps.get(_LONGITUDE_REF, "")), "W")
    if abs(latitude) <= 90 and abs(longitude) <= 180:
        return Footprint(((longitude, latitude),))
    return None


def taken(tags: Tags, exif: Tags, gps: Tags) -> datetime | None:
    """When it was taken, in UTC: by the camera's clock and its offset, else by GPS.

    A clock without an offset is read as UTC where no GPS time is there to tell better.
    """
    clock: datetime | None = None
    for time_tag, offset_tag in _TAKEN:
        clock = clock or parse_time(_text(exif.get(time_tag, "")))
        if clock is not None and (offset := _offset(_text(exif.get(offset_tag, "")))) is not None:
            return _utc(clock.replace(tzinfo=offset))
    changed = parse_time(_text(tags.get(_CHANGED, "")), _text(exif.get(_CHANGED_OFFSET, "")))
    return _gps_time(gps) or clock or changed


def parse_time(text: str, offset: str = "") -> datetime | None:
    """A time as EXIF, TIFF tags and ISO 8601 write it, in UTC; None where it is none ("0000:00:00 00:00:00").

    Without an offset, in the text or beside it, it is read as UTC.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    try:
        time = datetime(*(int(part) for part in match.groups()[:6]))  # type: ignore[arg-type]
    except ValueError:
        return None
    return _utc(time.replace(tzinfo=_offset(match[7] or offset) or UTC))


def _utc(time: datetime) -> datetime | None:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        # The first or the last hours that datetime knows.
        return None


def _offset(text: str) -> timezone | None:
    match = _OFFSET.fullmatch(text)
    if match is None or int(match[2]) > 23 or int(match[3]) > 59:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-offset if match[1] == "-" else offset)


def _gps_time(gps: Tags) -> datetime | None:
    clock = _numbers(gps.get(_GPS_TIME))
    if len(clock) != 3 or not all(0 <= part < 60 for part in clock):
        return None
    hours, minutes, seconds = (int(part) for part in clock)
    return parse_time(f"{_text(gps.get(_GPS_DATE, '')).strip()} {hours:02}:{minutes:02}:{seconds:02}")


def _degrees(value: Any, reference: str, negative: str) -> float:
    """Degrees from degrees, minutes and seconds (the last two may be missing); NaN where there are none."""
    parts = _numbers(value)
    if not 1 <= len(parts) <= 3:
        return math.nan
    size = math.fsum(part / 60.0**i for i, part in enumerate(parts))
    return -size if reference.strip().upper().startswith(negative) else size


def _numbers(value: Any) -> list[float]:
    """Numbers of a tag; a rational with the denominator 0 (Pillow: NaN) makes all of them unusable."""
    if not isinstance(value, (tuple, list)):
        return []
    try:
        numbers = [float(part) for part in value]
    except (TypeError, ValueError, ZeroDivisionError):
        return []
    return numbers if all(math.isfinite(number) for number in numbers) else []


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii", "replace").rstrip("\0")
    return value.rstrip("\0") if isinstance(value, str) else ""
