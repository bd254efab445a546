# SPDX-License-Identifier: GPL-2.0-only
"""One capture on its way into evidence: batches of packets in, signalling messages out, media kept as columns."""

from collections.abc import Iterable, Sequence
from dataclasses import field
from operator import attrgetter

import numpy as np

from analyzer.capture.account import CaptureAccount
from analyzer.capture.columns import PacketBatch, PayloadKind
from analyzer.capture.source import Capture
from analyzer.evidence.media_sieve import MediaSieve
from analyzer.evidence.media_table import MediaTable
from analyzer.evidence.mikey_datagrams import iter_mikey_bodies, iter_mikey_datagrams
from analyzer.evidence.packets import Found, SignallingDatagram, SignallingReader
from analyzer.model.evidence import (
    AnySignalling,
    LooseMikey,
    MediaEvidence,
    RtspSignallingMessage,
    SignallingMessage,
    TlsFlow,
)
from analyzer.model.frame_places import FramePlaces
from analyzer.model.report import CaptureFacts
from analyzer.tls.secrets import TlsSecrets
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_log import KeyLogSecret
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.rtsp import parse_rtsp
from dissectors.grammar.sip import parse_sip

SDP_TYPE = "application/sdp"  # the usual body, which is not looked into for MIKEY
MAX_LISTED_DEFECTS = 100
# ARP, LLDP, EAPOL, loopback tests, RARP, CDP; ICMP, IGMP, ICMPv6, OSPF, PIM, VRRP.
OTHER_TRAFFIC = frozenset(
    [("not-ip", code) for code in ("0x0806", "0x88cc", "0x888e", "0x9000", "0x8035", "0x2000")]
    + [("unread-protocol", number) for number in ("1", "2", "58", "89", "103", "112")]
)


@dataclass(slots=True)
class _FileTally:
    """What was found in one file of a reading."""

    packets: int = 0
    messages: int = 0
    media_packets: int = 0
    first_time_ns: int | None = None
    last_time_ns: int | None = None
    unreadable: list[Defect] = field(default_factory=list)
    unreadable_count: int = 0

    def add_times(self, first: int, last: int) -> None:
        """Widen the time it covers."""
        self.first_time_ns = first if self.first_time_ns is None else min(first, self.first_time_ns)
        self.last_time_ns = last if self.last_time_ns is None else max(last, self.last_time_ns)

    @property
    def defects(self) -> tuple[Defect, ...]:
        """Which messages could not be read, and how many."""
        more = self.unreadable_count - len(self.unreadable)
        rest = (Defect("sip-unreadable", 0, "", f"{more} more messages"),) if more else ()
        return (*self.unreadable, *rest)


@dataclass(slots=True)
class Reading:
    """One capture on its way into evidence: batches in, signalling messages out, media kept as columns.

    A capture may lie in several files (`begin_file`): frames are counted on over them, and whatever refers to one can
    say where it stands. `index` is that of the first file.
    """

    index: int
    secrets: TlsSecrets = field(default_factory=TlsSecrets)
    media: MediaTable = field(init=False)
    signalling: SignallingReader = field(init=False)
    mikey: list[LooseMikey] = field(default_factory=list)
    key_log: list[KeyLogSecret] = field(default_factory=list)
    places: FramePlaces = field(init=False)
    _files: list[_FileTally] = field(default_factory=lambda: [_FileTally()])

    def __post_init__(self) -> None:
        self.places = FramePlaces(self.index)
        self.media = MediaTable(self.index, self.places)
        self.signalling = SignallingReader(self.index, self.secrets)

    @property
    def packets(self) -> int:
        """How many packets were read."""
        return sum(file.packets for file in self._files)

    @property
    def last_time_ns(self) -> int | None:
        """The time of the latest packet in the last file that has any."""
        times = (file.last_time_ns for file in reversed(self._files))
        return next((time_ns for time_ns in times if time_ns is not None), None)

    def begin_file(self, index: int) -> None:
        """The capture goes on in the file with this index."""
        self.places.begin(index, self.packets)
        self._files.append(_FileTally())

    def sieve(self) -> MediaSieve:
        """What takes the media out of the pass over the file that was begun last."""
        return MediaSieve(self.media, self.places.before)

    def feed(self, batch: PacketBatch, ahead: Sequence[Found] | None = None) -> list[AnySignalling]:
        """Take one batch of packets; returns the messages that it completes, by frame.

        `ahead` has the SIP messages in its datagrams where somebody read them already; those that could not be parsed
        as octets.
        """
        if batch.secrets:
            self.key_log += batch.secrets
            self.secrets.add(batch.secrets)
        sieved = batch.sieved
        file = self._files[-1]
        if sieved.packets:
            file.packets += sieved.packets
            file.media_packets += sieved.media_packets
            file.add_times(sieved.first_time_ns, sieved.last_time_ns)
        if not len(batch):
            return self._parse(self.signalling.feed(batch))
        file.packets += len(batch)
        file.add_times(*batch.times_ns)
        if self.places.before:
            np.add(batch.columns.frame, self.places.before, out=batch.columns.frame)
            ahead = ahead and [each._replace(frame=each.frame + self.places.before) for each in ahead]
        if not batch.holds_only_sip:
            self._take_other(batch)
        found = self._parse(self._find(batch, ahead))
        self._take_interleaved(batch)
        return found

    def _take_other(self, batch: PacketBatch) -> None:
        """What else there is in datagrams: media, MIKEY on its port."""
        self._files[-1].media_packets += int((batch.columns.kind == PayloadKind.RTP_LIKE).sum())
        self.media.feed(batch)
        moved = self.places.moved
        self.mikey += [each._replace(place=moved(each.frame)) for each in iter_mikey_datagrams(batch, self.index)]

    def finish(self) -> list[AnySignalling]:
        """What was still being put together when the capture ended."""
        found = self._parse(self.signalling.finish())
        self._take_interleaved(None)
        return found

    def _take_interleaved(self, batch: PacketBatch | None) -> None:
        """Media that came on RTSP connections, beside that of the batch's datagrams."""
        interleaved = self.signalling.take_media(batch)
        if interleaved is not None:
            self._files[-1].media_packets += int((interleaved.columns.kind == PayloadKind.RTP_LIKE).sum())
            self.media.feed(interleaved)

    def _find(self, batch: PacketBatch, ahead: Sequence[Found] | None) -> Iterable[Found]:
        if ahead is None:
            return self.signalling.feed(batch)
        rest = self.signalling.feed_rest(batch)
        return sorted([*ahead, *rest], key=attrgetter("frame")) if rest else ahead

    def _parse(self, found: Iterable[Found]) -> list[AnySignalling]:
        parsed: list[AnySignalling] = []
        goes_on = bool(self.places.before)
        for each in found:
            message = each if isinstance(each, SignallingMessage) else self._parse_datagram(each)
            if message is None:
                continue
            if goes_on:
                message = message._replace(place=self.places.moved(message.frame))
                self._file(message.frame).messages += 1
            parsed.append(message)
            if isinstance(message, SignallingMessage) and message.sip.content_type_value != SDP_TYPE:
                self.mikey += iter_mikey_bodies(message)
        if not goes_on:
            self._files[-1].messages += len(parsed)
        return parsed

    def _parse_datagram(self, datagram: SignallingDatagram) -> AnySignalling | None:
        """The message; None where nothing can be made of it, which is noted."""
        try:
            return _parse_rtsp(datagram) if datagram.is_rtsp else _parse_sip(datagram)
        except GrammarError as error:
            file = self._file(datagram.frame)
            file.unreadable_count += 1
            if len(file.unreadable) < MAX_LISTED_DEFECTS:
                code = "rtsp-unreadable" if datagram.is_rtsp else "sip-unreadable"
                detail = f"frame {self.places.ref(datagram.frame).frame}: {error}"
                file.unreadable.append(Defect(code, error.offset, error.clause, detail))
            return None

    def _file(self, frame: int) -> _FileTally:
        return self._files[self.places.file(frame)]

    @property
    def tls(self) -> tuple[TlsFlow, ...]:
        """The TLS connections seen so far, opened or not."""
        moved = self.places.moved
        return tuple(flow._replace(place=moved(flow.first_frame)) for flow in self.signalling.tls)

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What evidence could not be read, and how much of it: of the last file, and of streams through all of them."""
        return (*self.signalling.defects, *self.media.defects, *self._files[-1].defects)

    def facts(
        self, capture: Capture, told: CaptureAccount, name: str | None = None, file: int | None = None
    ) -> CaptureFacts:
        """What the report says of a capture, with what the pass over it told; `name` stands for its path.

        Of several files, `file` is the number of one that others follow; without it the last is meant.
        """
        tally = self._files[-1 if file is None else file]
        defects = self.defects if file is None else tally.defects
        return CaptureFacts(
            path=name or str(capture.path),
            sha256=capture.sha256 or "",
            format=told.format,
            packets=tally.packets,
            bytes=capture.bytes,
            first_time_ns=tally.first_time_ns,
            last_time_ns=tally.last_time_ns,
            defects=tuple(defect for defect in told.defects if not _is_other_traffic(defect)) + defects,
            interface_drops=told.interface_drops,
            signalling_messages=tally.messages,
            media_packets=tally.media_packets,
            comments=told.comments,
            names=told.names,
            unread=tuple(_passed_over(defect) for defect in told.defects if _is_other_traffic(defect)),
        )


def _parse_sip(datagram: SignallingDatagram) -> SignallingMessage:
    return SignallingMessage(
        datagram.capture,
        datagram.frame,
        datagram.timestamp_ns,
        datagram.source,
        datagram.destination,
        datagram.transport,
        parse_sip(datagram.data),
    )


def _parse_rtsp(datagram: SignallingDatagram) -> RtspSignallingMessage:
    return RtspSignallingMessage(
        datagram.capture,
        datagram.frame,
        datagram.timestamp_ns,
        datagram.source,
        datagram.destination,
        datagram.transport,
        parse_rtsp(datagram.data),
    )


def _is_other_traffic(defect: Defect) -> bool:
    """Whether a count of unread packets is of a kind that carries no call: named in the report, a gap in nothing."""
    return defect.code == "control" or (defect.code, defect.detail.rpartition(" ")[2]) in OTHER_TRAFFIC


def _passed_over(defect: Defect) -> tuple[str, int]:
    """What was passed over, and how many packets of it."""
    number, _, what = defect.detail.partition(" packets of ")
    return what, int(number)


def merge_evidence(readings: Sequence[Reading]) -> MediaEvidence:
    """The media of all captures of a set."""
    parts = [reading.media.evidence() for reading in readings]
    return MediaEvidence(
        streams=tuple(flow for part in parts for flow in part.streams),
        rtcp=tuple(flow for part in parts for flow in part.rtcp),
        dtls=tuple(flow for part in parts for flow in part.dtls),
        zrtp=tuple(flow for part in parts for flow in part.zrtp),
        stun=tuple(flow for part in parts for flow in part.stun),
        tls=tuple(flow for reading in readings for flow in reading.tls),
    )
