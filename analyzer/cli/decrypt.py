# SPDX-License-Identifier: GPL-2.0-only
"""`srtp-audit decrypt`: clear captures and audio, and for every stream what opened and why the rest did not."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from analyzer.api import audit
from analyzer.cli.capture_paths import expand_paths
from analyzer.cli.clear_copy import WARNING, build_clear_copy, build_wav, is_playable
from analyzer.cli.files import write_output
from analyzer.cli.options import load_ring
from analyzer.cli.progress import progress_line
from analyzer.errors import UsageError
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.opening import ClearPacket, context_that_opened, iter_clear_rtcp, iter_clear_rtp
from analyzer.keying.stream_audit import rtpmap_of
from analyzer.model.call import MediaLine, Side
from analyzer.model.evidence import SignallingMessage
from analyzer.model.exit_code import ExitCode
from analyzer.model.keying import Keying, StreamAudit
from analyzer.model.report import AuditedCall, AuditedStream, Report

SCHEMA = "srtp-audit/decrypt/1"
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
MAX_NAME = 48


@click.command("decrypt", short_help="Open SRTP with the keys at hand.")
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@click.option("-o", "--output", "folder", required=True, metavar="DIR", help="Where the clear copies go.")
@click.option("--keys", metavar="FILE.toml", help="Keys for MIKEY and SRTP; SDES keys are read from the SDP.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def decrypt_command(captures: tuple[str, ...], folder: str, keys: str | None, quiet: bool) -> ExitCode:
    """Write a clear pcapng for each call, a WAV for each direction of G.711, and decrypt.json with the counts.

    Exit codes: 0 everything opened, 4 something stayed shut or could not be read, 3 nothing readable.
    """
    target = Path(folder)
    ring = load_ring(keys)
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{target}: can't be made: {error.strerror}") from error
    with progress_line(quiet) as progress:
        report = audit(expand_paths(captures), ring=ring, progress=progress)
    document = _Writer(report, ring, target).write()
    write_output(str(target / "decrypt.json"), json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    if not quiet:
        _print(document, target)
    return _exit_code(report)


class _Writer:
    """Writes the files of one report and keeps the account of them."""

    def __init__(self, report: Report, ring: KeyRing, target: Path) -> None:
        self._report = report
        self._ring = ring
        self._target = target

    def write(self) -> dict[str, Any]:
        """All calls, then the streams of no call; returns the account."""
        calls = [self._call(number, call) for number, call in enumerate(self._report.calls, start=1)]
        start = len(calls) + 1
        streams = [self._loose(number, each) for number, each in enumerate(self._report.streams, start=start)]
        return {
            "schema": SCHEMA,
            "tool": {"name": self._report.tool_name, "version": self._report.tool_version},
            "warning": WARNING,
            "calls": calls,
            "streams": streams,
        }

    def _call(self, number: int, audited: AuditedCall) -> dict[str, Any]:
        name = f"{number:03d}-{safe_name(audited.call.call_id)}"
        accounts, packets = [], []
        taken: dict[str, int] = {}
        for media in audited.media:
            for stream in media.streams:
                account, clear = self._stream(name, stream, media.line, media.keying, taken)
                accounts.append(account)
                packets += clear
        file = self._copy(name, audited.call.messages, packets)
        return {"call_id": audited.call.call_id, **file, "streams": accounts}

    def _loose(self, number: int, loose: AuditedStream) -> dict[str, Any]:
        name = f"{number:03d}-ssrc-{loose.audit.bound.stream.ssrc:08x}"
        account, packets = self._stream(name, loose.audit, None, loose.keying, {})
        return {**account, **self._copy(name, (), packets)}

    def _copy(self, name: str, messages: tuple[SignallingMessage, ...], packets: list[ClearPacket]) -> dict[str, Any]:
        if not packets:
            return {"file": None, "packets": 0}
        copy = build_clear_copy(messages, packets)
        write_output(str(self._target / f"{name}.pcapng"), copy.octets)
        left_out = {"left_out": copy.left_out} if copy.left_out else {}
        return {"file": f"{name}.pcapng", "packets": copy.packets, **left_out}

    def _stream(
        self, name: str, stream: StreamAudit, line: MediaLine | None, keying: Keying, taken: dict[str, int]
    ) -> tuple[dict[str, Any], list[ClearPacket]]:
        context = context_that_opened(stream, keying, self._ring, line)
        rtp = list(iter_clear_rtp(stream, context))
        rtcp = list(iter_clear_rtcp(stream.bound, keying, context))
        wav = None
        if rtp:
            audio, counts = build_wav(rtp, rtpmap_of(line, stream.bound))
            if is_playable(counts):
                wav = _wav_name(name, stream, taken)
                write_output(str(self._target / wav), audio)
        return _account(stream, wav), [*rtp, *rtcp]


def _wav_name(name: str, stream: StreamAudit, taken: dict[str, int]) -> str:
    """One file a direction; a second stream of a direction gets a number."""
    direction = {Side.OFFERER: "offerer", Side.ANSWERER: "answerer", None: "stream"}[stream.bound.sent_by]
    taken[direction] = taken.get(direction, 0) + 1
    again = f"-{taken[direction]}" if taken[direction] > 1 else ""
    return f"{name}-{direction}{again}.wav"


def _account(stream: StreamAudit, wav: str | None) -> dict[str, Any]:
    media = stream.bound.stream
    return {
        "ssrc": f"{media.ssrc:#010x}",
        "capture": media.capture,
        "source": media.source,
        "destination": media.destination,
        "suite": stream.suite,
        "packets": stream.packets,
        "authenticated": stream.authenticated,
        "failed": stream.failed,
        "decrypted": stream.decrypted,
        "clear": stream.clear + stream.clear_early,
        "not_tried": stream.not_tried,
        "reason": stream.reason,
        "rtcp": {
            "packets": stream.rtcp.packets,
            "authenticated": stream.rtcp.authenticated,
            "failed": stream.rtcp.failed,
            "clear": stream.rtcp.clear,
        },
        "wav": wav,
    }


def safe_name(call_id: str) -> str:
    """A Call-ID as part of a file name: letters, digits, dots and dashes, never a leading dot."""
    return UNSAFE.sub("_", call_id)[:MAX_NAME].strip("._") or "call"


def _streams(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for call in document["calls"]:
        for stream in call["streams"]:
            yield call["call_id"], stream
    for stream in document["streams"]:
        yield "no call", stream


def _print(document: dict[str, Any], target: Path) -> None:
    for call_id, stream in _streams(document):
        ends = f"{stream['source']} → {stream['destination']}"
        opened = f"{stream['decrypted']} of {stream['packets']} opened, {stream['authenticated']} authenticated"
        rest = f", {stream['failed']} failed, {stream['not_tried']} not tried, {stream['clear']} clear"
        why = f": {stream['reason']}" if stream["reason"] else ""
        click.echo(f"{safe_name(call_id)}  {stream['ssrc']}  {ends}  {stream['suite'] or '-'}  {opened}{rest}{why}")
    click.echo(f"srtp-audit: {target} now holds private conversations in the clear", err=True)


def _exit_code(report: Report) -> ExitCode:
    streams = [stream for call in report.calls for media in call.media for stream in media.streams]
    streams += [each.audit for each in report.streams]
    if not any(capture.readable for capture in report.captures) or not (report.calls or report.streams):
        return ExitCode.UNREADABLE
    shut = any(stream.decrypted + stream.clear + stream.clear_early < stream.packets for stream in streams)
    gaps = any(capture.defects or not capture.readable for capture in report.captures)
    return ExitCode.INCOMPLETE if shut or gaps else ExitCode.OK
