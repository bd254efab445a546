# SPDX-License-Identifier: GPL-2.0-only
"""What the octets behind a cipher say: a payload that reads as its codec does proves the key where no tag can."""

import numpy as np

from analyzer.srtp.bulk import open_stream
from analyzer.srtp.clear_test import Clearness, classify_payloads
from analyzer.srtp.columns import PacketColumns, read_rtp_headers
from analyzer.srtp.context import SrtpContext
from dissectors.grammar.sdp import RtpMap

SAMPLE_PACKETS = 128


def classify_opened(columns: PacketColumns, context: SrtpContext, rtpmap: dict[int, RtpMap]) -> Clearness:
    """Whether the first packets of the commonest payload type, opened under `context`, look like clear payload."""
    headers = read_rtp_headers(columns)
    if not headers.rtp.any():
        return Clearness.UNKNOWN
    types, counts = np.unique(headers.payload_type[headers.rtp], return_counts=True)
    most = int(types[counts.argmax()])
    few = columns.select(np.flatnonzero(headers.rtp & (headers.payload_type == most))[:SAMPLE_PACKETS])
    opened = dict(open_stream(few, context).clear_packets())
    numbers = np.array(list(opened), dtype=np.int64)
    heads = read_rtp_headers(few)
    mapped = rtpmap.get(most)
    test = classify_payloads(
        [packet[int(heads.header_octets[number]) :] for number, packet in opened.items()],
        most,
        None if mapped is None else mapped.encoding,
        sequence_numbers=heads.sequence_number[numbers],
        rtp_timestamps=heads.timestamp[numbers],
    )
    return test.clearness
