"""What every reader of JSON must expect."""

from __future__ import annotations

import msgspec

NOT_JSON = (msgspec.MsgspecError, RecursionError, UnicodeError)
"""Raised by msgspec for what is no document of the kind that was asked for. Brackets in brackets without end
are Python's own error, and odd bytes are Unicode's."""
