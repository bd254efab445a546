# SPDX-License-Identifier: GPL-2.0-only
"""How numbers, times and addresses are written, the same in every report."""

from collections.abc import Iterable
from datetime import UTC, datetime

from analyzer.model.brief import Damage
from analyzer.model.channel import split_interleaved
from reports.safe_text import VisibleText

MAX_FILTER_RUNS = 100
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z, the last one that RFC 3339 can write
_THIN_SPACE = "\u202f"


def time_text(timestamp_ns: int | None) -> str | None:
    """RFC 3339 in UTC with nanoseconds; None where there is no time, or none that RFC 3339 can write."""
    if timestamp_ns is None:
        return None
    seconds, nanoseconds = divmod(timestamp_ns, 1_000_000_000)
    if not 0 <= seconds <= _LAST_SECOND:
        return None
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def clock_text(timestamp_ns: int | None) -> str:
    """Date and time of day to the millisecond, UTC, for people."""
    text = time_text(timestamp_ns)
    return "unknown" if text is None else f"{text[:10]} {text[11:23]} UTC"


def damage_text(damage: Damage) -> str:
    """What could not be read and where in it: `MIKEY message: payload truncated at octet 82 (RFC 3830 §6.2): …`."""
    clause = f" ({damage.clause})" if damage.clause else ""
    detail = f": {damage.detail}" if damage.detail else ""
    return f"{damage.what}: {damage.code.replace('-', ' ')} at octet {damage.offset}{clause}{detail}"


def offset_text(timestamp_ns: int, start_ns: int) -> str:
    """Seconds since `start_ns`, as `+1.234 s`."""
    return f"{(timestamp_ns - start_ns) / 1e9:+.3f} s"


def duration_text(nanoseconds: int) -> str:
    """A length of time for people: `350 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    seconds = max(0, nanoseconds) / 1e9
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def age_text(age_ns: int | None) -> str:
    """How much older a piece of evidence is than what it speaks of: `12.0 s earlier`, `3 min 2 s later`."""
    if age_ns is None:
        return "–"
    if age_ns == 0:
        return "the same exchange"
    return f"{duration_text(abs(age_ns))} {'earlier' if age_ns > 0 else 'later'}"


def ssrc_text(ssrc: int) -> str:
    """An SSRC as `0x1234abcd`."""
    return f"0x{ssrc:08x}"


def count_text(number: int) -> VisibleText:
    """A count with thin spaces between thousands."""
    return VisibleText(f"{number:,}".replace(",", _THIN_SPACE))


def octets_text(octets: int) -> VisibleText:
    """A size for people."""
    size = float(octets)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return VisibleText(f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}")
        size /= 1024
    return VisibleText(f"{size:.1f} TiB")


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 call`, `2 calls`."""
    return f"{count_text(number)} {one if number == 1 else many or one + 's'}"


def endpoint_text(endpoint: str) -> str:
    """`10.0.0.1:554`, with the channel behind it where the packets came on an RTSP connection."""
    plain, channel = split_interleaved(endpoint)
    return plain if channel is None else f"{plain} channel {channel}"


def short_uri(uri: str) -> str:
    """A SIP URI without the scheme everybody expects; `sips:` and `tel:` stay."""
    return uri[4:] if uri[:4].lower() == "sip:" else uri


def _runs(frames: Iterable[int]) -> list[tuple[int, int]]:
    """Frames as runs of consecutive numbers, ascending."""
    runs: list[tuple[int, int]] = []
    for frame in sorted(set(frames)):
        if runs and frame == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], frame)
        else:
            runs.append((frame, frame))
    return runs


def _run_texts(runs: Iterable[tuple[int, int]], dash: str) -> list[str]:
    texts: list[str] = []
    for first, last in runs:
        if last - first > 1:
            texts.append(f"{first}{dash}{last}")
        else:
            texts.extend(map(str, dict.fromkeys((first, last))))
    return texts


def frames_text(frames: Iterable[int], limit: int = 12) -> str:
    """`frames 12, 15, 20–44`, or how many pieces more there are."""
    numbers = set(frames)
    texts = _run_texts(_runs(numbers), "–")
    text = ", ".join(texts[:limit])
    name = "frame" if len(numbers) == 1 else "frames"
    more = f" and more ({count_text(len(numbers))} in all)" if len(texts) > limit else ""
    return f"{name} {text}{more}" if texts else "no frame"


def display_filter(frames: Iterable[int]) -> str:
    """A Wireshark display filter for frames: numbers only, so nothing captured can enter it."""
    runs = _runs(frames)[:MAX_FILTER_RUNS]
    return f"frame.number in {{{', '.join(_run_texts(runs, '..'))}}}" if runs else ""
