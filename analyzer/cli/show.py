# SPDX-License-Identifier: GPL-2.0-only
"""`srtp-audit show`: one frame as a tree, with the RFCs' names and the secrets masked."""

from typing import NamedTuple

import click
import numpy as np

from analyzer.capture.address import format_endpoint
from analyzer.capture.columns import PacketBatch, PayloadKind, Transport
from analyzer.capture.source import open_capture
from analyzer.cli.materials import load_ring
from analyzer.errors import UsageError
from analyzer.evidence.interleaved import split_channel
from analyzer.evidence.mikey_datagrams import iter_mikey_datagrams
from analyzer.evidence.packets import SignallingDatagram, SignallingReader
from analyzer.model.exit_code import ExitCode
from analyzer.tls.secrets import TlsSecrets
from dissectors.layers.trees import describe_payload

KINDS = {
    PayloadKind.RTP_LIKE: "rtp",
    PayloadKind.RTCP_LIKE: "rtcp",
    PayloadKind.SIP_LIKE: "sip",
    PayloadKind.STUN: "stun",
    PayloadKind.DTLS: "dtls",
    PayloadKind.ZRTP: "zrtp",
}


class _Part(NamedTuple):
    """Something that one frame carries or completes."""

    kind: str
    source: str
    destination: str
    transport: str
    octets: bytes


@click.command("show", short_help="Show one frame as a tree.")
@click.argument("capture", metavar="CAPTURE")
@click.option("--keys", metavar="FILE.toml", help="Keys that open signalling in TLS.")
@click.option("--frame", "number", type=click.IntRange(min=1), required=True, help="Wireshark's number of the frame.")
def show_command(capture: str, keys: str | None, number: int) -> ExitCode:
    """The SIP, RTSP or MIKEY message, RTP or RTCP packet that a frame carries, or completes, as a tree."""
    parts, packets = _find(capture, number, load_ring(keys).tls_secrets())
    if number > packets:
        raise UsageError(f"{capture}: has {packets} frames, no frame {number}")
    if not parts:
        click.echo(
            f"frame {number}: carries or completes no SIP, RTSP, MIKEY, RTP or RTCP (fragments: see the last one)"
        )
        return ExitCode.INCOMPLETE
    for part in parts:
        click.echo(f"frame {number}: {part.source} → {part.destination}, {part.transport}, {len(part.octets)} octets")
        click.echo(describe_payload(part.kind, part.octets))
    return ExitCode.OK


def _find(path: str, number: int, secrets: TlsSecrets) -> tuple[list[_Part], int]:
    """What the frame carries or completes, and how many frames were read."""
    reader = SignallingReader(0, secrets)
    parts: list[_Part] = []
    packets = 0
    with open_capture(path) as capture:
        for batch in capture.batches():
            packets += len(batch)
            parts += [_signalling(each) for each in reader.feed(batch) if each.frame == number]
            parts += _media(batch, number)
            interleaved = reader.take_media(batch)
            parts += [] if interleaved is None else _media(interleaved, number)
            if packets > number and parts:
                return parts, packets
        parts += [_signalling(each) for each in reader.finish() if each.frame == number]
    return parts, packets


def _signalling(datagram: SignallingDatagram) -> _Part:
    kind = "rtsp" if datagram.is_rtsp else "sip"
    return _Part(kind, datagram.source, datagram.destination, datagram.transport, datagram.data)


def _media(batch: PacketBatch, number: int) -> list[_Part]:
    columns = batch.columns
    rows = np.flatnonzero((columns.frame == number) & (columns.transport == Transport.UDP)).tolist()
    parts = [
        _Part("mikey", each.source, each.destination, each.transport, each.octets)
        for each in iter_mikey_datagrams(batch)
        if each.frame == number
    ]
    for row in [] if parts else rows:
        kind = KINDS.get(PayloadKind(int(columns.kind[row])), "octets")
        if kind == "sip":
            continue  # the signalling reader has it
        source_port, channel = split_channel(int(columns.src_port[row]))
        source = format_endpoint(columns.src_hi[row], columns.src_lo[row], source_port)
        destination = format_endpoint(columns.dst_hi[row], columns.dst_lo[row], columns.dst_port[row])
        transport = "UDP" if channel is None else f"interleaved with RTSP on channel {channel}"
        parts.append(_Part(kind, source, destination, transport, batch.payload(row)))
    return parts
