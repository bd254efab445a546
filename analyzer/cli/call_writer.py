# SPDX-License-Identifier: GPL-2.0-only
"""The files of calls and streams, and the account of what went where and why the rest did not."""

import heapq
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import click

from analyzer.cli.clear_audio import CallAudio, StreamKey, Voice, audio_account, digits_text
from analyzer.cli.clear_copy import ClearCopy
from analyzer.cli.files import open_output
from analyzer.errors import UsageError
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.opening import ClearPacket, context_that_opened, iter_clear_rtcp, iter_stream_packets
from analyzer.model.call import MediaLine
from analyzer.model.channel import split_interleaved
from analyzer.model.evidence import AnySignalling
from analyzer.model.keying import Keying, StreamAudit
from analyzer.model.report import AuditedCall, AuditedStream, Report
from analyzer.shares import work_in_shares
from reports.json_media import defect_objects
from reports.spelling import time_text

UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
MAX_NAME = 48
MIN_PACKETS_TO_FORK = 20_000


class _Stream(NamedTuple):
    """One stream of a call in one exchange."""

    audit: StreamAudit
    line: MediaLine | None
    keying: Keying


class _Work(NamedTuple):
    """What becomes one set of files."""

    name: str
    messages: tuple[AnySignalling, ...]
    streams: list[_Stream]


class _Item(NamedTuple):
    """What stands in a clear copy: `key` names the stream of an RTP packet."""

    octets: AnySignalling | ClearPacket
    key: StreamKey | None


class CallWriter:
    """Writes what streams say in the clear; packets are held for one call at a time.

    Files are `unfinished`, in that folder, until all of one is written: then they are moved to `target`.
    """

    def __init__(self, ring: KeyRing, target: Path, unfinished: Path, redact: bool) -> None:
        self._ring = ring
        self._target = target
        self._unfinished = unfinished
        self._redact = redact

    def write_call(self, number: int, call: AuditedCall) -> bytes:
        """The files of a call, the first of which has number 0; its account as JSON."""
        name = f"{number + 1:03d}-{safe_name(call.call.call_id)}"
        account = self._write(_Work(name, call.call.messages, _streams_of(call)))
        return json.dumps({"call_id": call.call.call_id, **account}).encode()

    def write_streams(self, streams: Sequence[AuditedStream], first: int, jobs: int) -> list[dict[str, Any]]:
        """The files of streams of no call, which are numbered from `first` on, so many at a time; their accounts."""
        packets = [each.audit.packets for each in streams]
        processes = min(jobs, len(streams)) if sum(packets) >= MIN_PACKETS_TO_FORK else 1

        def write(numbers: range) -> list[dict[str, Any]]:
            return [self._write_stream(streams[number], first + number + 1) for number in numbers]

        shares = work_in_shares(
            len(streams), [write] * max(processes, 1), lambda found: json.dumps(found).encode(), json.loads,
            packets.__getitem__,
        )  # fmt: skip
        return [account for share in shares for account in share]

    def _write_stream(self, loose: AuditedStream, number: int) -> dict[str, Any]:
        name = f"{number:03d}-ssrc-{loose.audit.bound.stream.ssrc:08x}"
        account = self._write(_Work(name, (), [_loose(loose)]))
        (stream,) = account.pop("streams")
        return {**stream, **account}

    def play(self, report: Report, out: BinaryIO, quiet: bool) -> list[dict[str, Any]]:
        """The speech of one call after the other, as raw samples; their form goes to standard error.

        Returns what became of each stream.
        """
        groups = [(call.call.call_id, _streams_of(call)) for call in report.calls]
        groups += [(f"{loose.audit.bound.stream.ssrc:#010x}", [_loose(loose)]) for loose in report.streams]
        for name, streams in groups:
            with CallAudio(self._unfinished) as audio:
                for item in self._items((), streams, audio):
                    self._hear(audio, item)
                audio.finish()
                raw = audio.iter_raw()
                if raw is None:
                    click.echo(f"srtp-audit: {safe_name(name)}: nothing to hear", err=True)
                    continue
                rate, channels, parts = raw
                if not quiet:
                    form = f"s16le, {rate} Hz, {channels} channel{'s' if channels > 1 else ''}"
                    click.echo(f"srtp-audit: {safe_name(name)}: raw samples, {form}", err=True)
                out.writelines(parts)
                out.flush()
        return [_counts(stream.audit) for _, streams in groups for stream in streams]

    def _write(self, work: _Work) -> dict[str, Any]:
        name, messages, streams = work
        with CallAudio(self._unfinished) as audio:
            copied = self._copy(name, messages, streams, audio)
            audio.finish()
            stereo = audio.write(self._target, name)
            accounts = [self._account(stream, audio.voices.get(_key(stream.audit))) for stream in streams]
        return {**copied, "stereo": stereo, "streams": accounts}

    def _copy(
        self, name: str, messages: tuple[AnySignalling, ...], streams: list[_Stream], audio: CallAudio
    ) -> dict[str, Any]:
        items = self._items(messages, streams, audio)
        if not any(_says_something(stream.audit) for stream in streams):
            return {"file": None, "copied": 0}
        file, redacted = f"{name}.pcapng", 0
        try:
            with open_output(self._target / file, self._unfinished) as stream:
                copy = ClearCopy(stream)
                for item in items:
                    self._hear(audio, item)
                    if self._redact and _is_digit(audio, item):
                        redacted += 1
                    else:
                        copy.add(item.octets)
        except OSError as error:
            raise UsageError(f"{self._target / file}: can't be written: {error.strerror}") from error
        counts = {"shut": copy.shut, "left_out": copy.left_out, "redacted": redacted}
        return {"file": file, "copied": copy.packets, **{name: count for name, count in counts.items() if count}}

    def _items(self, messages: tuple[AnySignalling, ...], streams: list[_Stream], audio: CallAudio) -> Iterator[_Item]:
        """Everything in time order, each stream read as it goes."""
        sources: list[Iterable[_Item]] = [[_Item(message, None) for message in messages]]
        for stream in streams:
            key = audio.describe(stream.audit, stream.line)
            sources += [self._rtp(stream, key), self._rtcp(stream)]
        return heapq.merge(*sources, key=lambda item: (item.octets.timestamp_ns, item.octets.frame))

    def _context(self, stream: _Stream) -> Any:
        return context_that_opened(stream.audit, stream.keying, self._ring, stream.line)

    def _rtp(self, stream: _Stream, key: StreamKey) -> Iterator[_Item]:
        return (_Item(packet, key) for packet in iter_stream_packets(stream.audit, self._context(stream)))

    def _rtcp(self, stream: _Stream) -> Iterator[_Item]:
        found = list(iter_clear_rtcp(stream.audit.bound, stream.keying, self._context(stream)))
        found.sort(key=lambda packet: (packet.timestamp_ns, packet.frame))
        return (_Item(packet, None) for packet in found)

    @staticmethod
    def _hear(audio: CallAudio, item: _Item) -> None:
        if item.key is not None and isinstance(item.octets, ClearPacket) and not item.octets.shut:
            audio.add(item.key, item.octets)

    def _account(self, stream: _Stream, voice: Voice | None) -> dict[str, Any]:
        account = _counts(stream.audit)
        account["wav"] = None if voice is None else voice.wav
        account["audio"] = None if voice is None else audio_account(voice)
        account["dtmf"] = None if voice is None else self._digits(voice)
        return account

    def _digits(self, voice: Voice) -> dict[str, Any]:
        events = voice.dtmf.events
        if self._redact or not events:
            return {"count": len(events)}
        listed = [
            {"time": time_text(event.timestamp_ns), "event": event.name, "milliseconds": event.milliseconds}
            for event in events
        ]
        return {"count": len(events), "digits": digits_text(events), "events": listed}


def _streams_of(call: AuditedCall) -> list[_Stream]:
    return [_Stream(stream, media.line, media.keying) for media in call.media for stream in media.streams]


def _loose(loose: AuditedStream) -> _Stream:
    return _Stream(loose.audit, None, loose.keying)


def _key(audit: StreamAudit) -> StreamKey:
    stream = audit.bound.stream
    return (stream.ssrc, stream.source, stream.destination)


def _says_something(audit: StreamAudit) -> bool:
    """Whether anything beside it can be copied in the clear."""
    rtcp = audit.rtcp
    return bool(audit.decrypted or audit.clear or audit.clear_early or rtcp.authenticated or rtcp.clear)


def _is_digit(audio: CallAudio, item: _Item) -> bool:
    packet = item.octets
    return item.key is not None and isinstance(packet, ClearPacket) and audio.is_digit(item.key, packet)


def _counts(stream: StreamAudit) -> dict[str, Any]:
    media = stream.bound.stream
    return {
        "ssrc": f"{media.ssrc:#010x}",
        "capture": stream.first.capture,
        "source": split_interleaved(media.source)[0],
        "destination": split_interleaved(media.destination)[0],
        "channel": split_interleaved(media.source)[1],
        "suite": stream.suite,
        "packets": stream.packets,
        "authenticated": stream.authenticated,
        "failed": stream.failed,
        "decrypted": stream.decrypted,
        "clear": stream.clear + stream.clear_early,
        "not_tried": stream.not_tried,
        "reason": stream.reason,
        "defects": defect_objects(stream.defects),
        "rtcp": {
            "packets": stream.rtcp.packets,
            "authenticated": stream.rtcp.authenticated,
            "failed": stream.rtcp.failed,
            "clear": stream.rtcp.clear,
        },
    }


def safe_name(call_id: str) -> str:
    """A Call-ID as part of a file name: letters, digits, dots and dashes, never a leading dot."""
    return UNSAFE.sub("_", call_id)[:MAX_NAME].strip("._") or "call"
