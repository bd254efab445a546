# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY's timestamps as moments (RFC 3830 §6.6, RFC 6043 §6.3; the NTP epoch of RFC 5905 §6)."""

import datetime as dt

from dissectors.grammar.mikey import Timestamp, name_of
from dissectors.grammar.mikey.registries import TimestampType

NTP_EPOCH = dt.datetime(1900, 1, 1, tzinfo=dt.UTC)
CLOCKS = frozenset({TimestampType.NTP_UTC, TimestampType.NTP, TimestampType.NTP_UTC_32})


def time_in_words(timestamp: Timestamp) -> str:
    """The moment in UTC with its type, or the counter's number; of seconds that wrapped in 2036, the first round."""
    kind = name_of(TimestampType, timestamp.timestamp_type)
    if timestamp.timestamp_type not in CLOCKS:
        return f"{int.from_bytes(timestamp.value, 'big')} ({kind})"
    moment = NTP_EPOCH + dt.timedelta(seconds=int.from_bytes(timestamp.value[:4], "big"))
    return f"{moment:%Y-%m-%d %H:%M:%S} ({kind})"
