# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY outside session descriptions: raw on UDP port 2269 (IANA), and as bodies of SIP messages (RFC 3830 §10.1)."""

from collections.abc import Iterator

import numpy as np

from analyzer.capture.address import format_endpoint
from analyzer.capture.columns import PacketBatch, PayloadKind, Transport
from analyzer.model.evidence import LooseMikey, MikeyCarrier, SignallingMessage
from dissectors.grammar.mikey.header import VERSION

MIKEY_PORT = 2269


def iter_mikey_datagrams(batch: PacketBatch, capture: int = 0) -> Iterator[LooseMikey]:
    """The datagrams of a batch from or to MIKEY's port that begin as version 1 does, in capture order."""
    columns = batch.columns
    on_port = (columns.src_port == MIKEY_PORT) | (columns.dst_port == MIKEY_PORT)
    rows = np.flatnonzero(on_port & (columns.transport == Transport.UDP) & (columns.kind == PayloadKind.UNKNOWN))
    for row in rows.tolist():
        data = batch.octets(int(columns.payload_offset[row]), int(columns.payload_octets[row]))
        if not data or data[0] != VERSION:
            continue
        source = format_endpoint(int(columns.src_hi[row]), int(columns.src_lo[row]), int(columns.src_port[row]))
        destination = format_endpoint(int(columns.dst_hi[row]), int(columns.dst_lo[row]), int(columns.dst_port[row]))
        yield LooseMikey(
            capture,
            int(columns.frame[row]),
            int(columns.timestamp_ns[row]),
            source,
            destination,
            MikeyCarrier.UDP,
            data,
        )


def iter_mikey_bodies(message: SignallingMessage) -> Iterator[LooseMikey]:
    """The `application/mikey` parts of a SIP message, their transfer encoding undone."""
    sip = message.sip
    parties = (sip.from_uri or "", sip.to_uri or "")
    for content in sip.mikey_parts():
        yield LooseMikey(
            message.capture,
            message.frame,
            message.timestamp_ns,
            message.source,
            message.destination,
            MikeyCarrier.SIP_BODY,
            content,
            sip.call_id,
            parties if sip.status is None else parties[::-1],
            message.transport,
            message.place,
        )
