# SPDX-License-Identifier: GPL-2.0-only
"""What one dissector says of one capture, in words that the other uses as well."""

from dataclasses import field

from dissectors.grammar.late_dataclass import dataclass

JITTER_TOLERANCE_MS = 0.0015  # tshark prints three decimals
Texts = dict[int, tuple[str, ...]]  # by frame


@dataclass(slots=True)
class StreamFacts:
    """An RTP stream; `first_frame` is 0 where nobody told, `jitter_ms` None where the clock rate is not known.

    `jitter_ms` is the mean of RFC 3550 A.8; `no_jitter` names the gap (`compare.GAPS`) that says why there is none.
    """

    packets: int
    lost: int
    first_frame: int = 0
    jitter_ms: float | None = None
    no_jitter: str = ""

    def __str__(self) -> str:
        jitter = "" if self.jitter_ms is None else f", jitter {self.jitter_ms:.3f} ms"
        return f"{self.packets} packets, {self.lost} lost{jitter}"

    def agrees(self, other: "StreamFacts") -> bool:
        """Whether both say the same, as far as both say it."""
        if (self.packets, self.lost) != (other.packets, other.lost):
            return False
        if self.jitter_ms is None or other.jitter_ms is None:
            return True
        return abs(self.jitter_ms - other.jitter_ms) <= JITTER_TOLERANCE_MS


@dataclass(slots=True)
class Observation:
    """Frames; methods and statuses, media lines, crypto lines and MIKEY headers by frame; RTP streams by their ends.

    `hidden` are frames whose messages lay inside TLS, `media_level` counts MIKEY messages in media-level attributes.
    `stopped` is why the file was not read to its end.
    `parted` names streams that go on in another file of a set.
    """

    frames: int | None = None
    sip: Texts = field(default_factory=dict)
    media: Texts = field(default_factory=dict)
    crypto: Texts = field(default_factory=dict)
    mikey: Texts = field(default_factory=dict)
    streams: dict[str, StreamFacts] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    media_level: dict[int, int] = field(default_factory=dict)
    stopped: str = ""
    parted: set[str] = field(default_factory=set)


def stream_name(source: str, source_port: str, destination: str, destination_port: str, ssrc: int) -> str:
    """How a stream is called on both sides."""
    return f"{source} {source_port} > {destination} {destination_port} 0x{ssrc:08x}"


def mikey_text(version: int, data_type: int, v: int, csb_id: int, sessions: int) -> str:
    """The fixed header of a MIKEY message (RFC 3830 §6.1)."""
    return f"version {version}, type {data_type}, V {v}, CSB ID 0x{csb_id:08x}, {sessions} crypto sessions"
