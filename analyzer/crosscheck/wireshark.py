# SPDX-License-Identifier: GPL-2.0-only
"""Wireshark's reading of a capture: signalling through pyshark, frames and RTP streams from tshark's own statistics."""

import contextlib
import re
import shutil
import subprocess
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from analyzer.crosscheck.observation import Observation, StreamFacts, mikey_text, stream_name
from analyzer.errors import CaptureError, UsageError

TSHARK = "tshark"
CAPINFOS = "capinfos"
MAX_PORTS = 1000
SIP_ALONE = "sip && !icmp && !icmpv6"  # an ICMP error quotes a message that was sent before
_STREAM = re.compile(
    r"^\s*\S+\s+\S+\s+(\S+)\s+(\d+)\s+(\S+)\s+(\d+)\s+0x([0-9A-Fa-f]+)\s+.*?\s+(\d+)\s+(-?\d+) \(\S+%\)"
    r"\s+\S+\s+\S+\s+\S+\s+(\S+)\s+(\S+)",
    re.MULTILINE,
)
_FRAMES = re.compile(r"<>[^|]*\|\s*(\d+)\s*\|")
_COUNT = re.compile(r"Number of packets:\s*(\d+)")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
Fields = dict[str, list[Any]]


def tshark_version() -> str:
    """`tshark` and its version; raises UsageError where tshark or pyshark is missing."""
    if shutil.which(TSHARK) is None:
        raise UsageError("--cross-check needs tshark, which is not installed")
    try:
        _pyshark()
    except ImportError:
        raise UsageError("--cross-check needs pyshark, which is not installed") from None
    told = subprocess.run([TSHARK, "--version"], capture_output=True, text=True, check=False).stdout
    found = _VERSION.search(told)
    return f"tshark {found[0]}" if found else TSHARK


def observe_capture(path: Path, ports: Sequence[int] = ()) -> Observation:
    """What Wireshark makes of a file; raises CaptureError where it can't read it.

    It is told to take UDP on `ports` for RTP: those of streams that no signalling announces.
    """
    seen = Observation()
    _read_statistics(path, ports, seen)
    try:
        for frame, fields in _iter_sip(path):
            _add_message(seen, frame, fields)
    except CaptureError:
        if not seen.stopped:  # else it has told already that it reads no further, and what it had read counts
            raise
    return seen


def _read_statistics(path: Path, ports: Sequence[int], seen: Observation) -> None:
    told = [word for port in ports[:MAX_PORTS] for word in ("-d", f"udp.port=={port},rtp")]
    statistics = ["-z", "rtp,streams", "-z", "io,stat,0"]
    command = [TSHARK, "-n", "-q", "--enable-heuristic", "rtp_udp", *told, *statistics, "-r", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, errors="backslashreplace", check=False)
    if done.returncode and not done.stdout:
        raise CaptureError(f"{path}: tshark: {_last_line(done.stderr)}")
    if done.returncode:
        seen.stopped = _last_line(done.stderr)
    for source, source_port, destination, destination_port, ssrc, packets, lost, *jitter in _STREAM.findall(
        done.stdout
    ):
        name = stream_name(source, source_port, destination, destination_port, int(ssrc, 16))
        least, mean = map(float, jitter)
        jitter_ms = None if least < 0 else mean
        seen.streams[name] = StreamFacts(int(packets), int(lost), 0, jitter_ms, "jitter-not-by-wireshark")
    found = _FRAMES.search(done.stdout)
    seen.frames = int(found[1]) if found else _count_frames(path)


def _count_frames(path: Path) -> int | None:
    """As capinfos counts them: tshark's statistics are empty where all packets have one time."""
    if shutil.which(CAPINFOS) is None:
        return None
    told = subprocess.run([CAPINFOS, "-c", "-M", str(path)], capture_output=True, text=True, check=False).stdout
    found = _COUNT.search(told)
    return int(found[1]) if found else None


def _iter_sip(path: Path) -> Iterator[tuple[int, Fields]]:
    """Frame number and fields of each SIP message that Wireshark finds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyshark uses asyncio in ways that newer Pythons warn of
        pyshark = _pyshark()
        capture = pyshark.FileCapture(str(path), display_filter=SIP_ALONE, keep_packets=False, custom_parameters=["-n"])
        try:
            for packet in capture:
                for layer in packet.get_multiple_layers("sip"):
                    found = layer._all_fields  # noqa: SLF001 - the public names lose the protocols
                    yield int(packet.number), {name: field.all_fields for name, field in found.items()}
            capture.close()
        except pyshark.capture.capture.TSharkCrashException as error:  # by the last packet, or when it is closed
            raise CaptureError(f"{path}: tshark: {_last_line(str(error))}") from error
        finally:
            with contextlib.suppress(pyshark.capture.capture.TSharkCrashException):
                capture.close()
            capture._running_processes.clear()  # noqa: SLF001 - else it fails once more when it is collected


def _add_message(seen: Observation, frame: int, fields: Fields) -> None:
    start = _shown(fields, "sip.Method")[:1] or _shown(fields, "sip.Status-Code")[:1]
    media = [
        f"{proto} {port}"
        for proto, port in zip(_shown(fields, "sdp.media.proto"), _shown(fields, "sdp.media.port"), strict=False)
    ]
    tags, suites = _shown(fields, "sdp.crypto.tag"), _shown(fields, "sdp.crypto.crypto_suite")
    headers = (_numbers(fields, f"mikey.{name}") for name in ("version", "type", "v.set", "csb_id", "cs_count"))
    for texts, more in (
        (seen.sip, start),
        (seen.media, media),
        (seen.crypto, [f"{tag} {suite}" for tag, suite in zip(tags, suites, strict=False)]),
        (seen.mikey, [mikey_text(*header) for header in zip(*headers, strict=False)]),
    ):
        if more:
            texts[frame] = (*texts.get(frame, ()), *more)


def _shown(fields: Fields, name: str) -> list[str]:
    return [str(field.show) for field in fields.get(name, [])]


def _numbers(fields: Fields, name: str) -> list[int]:
    return [int(str(field.show), 0) for field in fields.get(name, [])]


def _pyshark() -> Any:
    import pyshark  # noqa: PLC0415 - only for whoever asks for a second opinion
    import pyshark.capture.capture  # noqa: PLC0415

    return pyshark


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"
