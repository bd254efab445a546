# SPDX-License-Identifier: GPL-2.0-only
"""A whole stream at once: which packets authenticate, under which index and key, and what they say in the clear."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analyzer.srtp.columns import PacketColumns, packet_columns
from analyzer.srtp.context import SrtpContext, StreamKey
from analyzer.srtp.opener import Opener
from analyzer.srtp.sources import RETRY_WITHIN, Known
from analyzer.srtp.stream_outcome import StreamOpening

UNSIGNALLED_MKI_OCTETS = (*range(1, 9), 16)
MKI_TRIAL_PACKETS = 8
MKI_TRIAL_KEYS = 4
MKI_TRIAL_ROC_LIMIT = 64


def open_stream(packets: Sequence[bytes] | PacketColumns, context: SrtpContext) -> StreamOpening:
    """Tries every packet under `context`, each SSRC with its own rollover counter (RFC 3711 §3.3).

    The rollover counter starts at `context.roc`, or at 0, or where a bounded search finds a tag that verifies. Raises
    `SrtpError` only for a context that can't be used.
    """
    columns = packets if isinstance(packets, PacketColumns) else packet_columns(packets)
    if context.rcc_mode:
        from analyzer.srtp.rcc import open_rcc_stream  # noqa: PLC0415 - it gives an opening, and few streams need it

        return open_rcc_stream(columns, context)
    opening = _open(columns, context)
    if may_have_mki(context) and not opening.authenticated[:RETRY_WITHIN].any():
        found = find_unsignalled_mki(columns, context)
        if found:
            return _open(columns, found)
    return opening


def may_have_mki(context: SrtpContext) -> bool:
    """Whether an MKI that nobody signalled can be looked for, where none of the first `RETRY_WITHIN` packets opens."""
    return context.mki_octets == 0 and context.srtp_tag_octets > 0


def find_unsignalled_mki(columns: PacketColumns, context: SrtpContext) -> SrtpContext | None:
    """The context with the MKI of the first packets, if octets between payload and tag make their tags verify."""
    few = columns.select(np.flatnonzero(columns.headers.rtp[:RETRY_WITHIN])[:MKI_TRIAL_PACKETS])
    if not len(few):
        return None
    first = few.packet(0)
    end = len(first) - (0 if context.suite.aead else context.srtp_tag_octets)
    for octets in UNSIGNALLED_MKI_OCTETS:
        if end < octets:
            break
        for key in context.keys[:MKI_TRIAL_KEYS]:
            keys = (StreamKey(key.key, key.salt, first[end - octets : end]),)
            limit = min(context.roc_search_limit, MKI_TRIAL_ROC_LIMIT)
            trial = _open(few, replace(context, keys=keys, roc_search_limit=limit))
            if trial.authenticated.sum() >= min(2, len(few)) and not _is_counter(trial, keys[0].mki):
                return replace(context, keys=keys)
    return None


def _is_counter(opening: StreamOpening, trailer: bytes) -> bool:
    """Whether octets behind an AEAD's tag are the rollover counter of its packets (RFC 4771), and no MKI."""
    rocs = {roc for pair in opening.roc.values() for roc in pair}
    return opening.context.suite.aead and rocs == {int.from_bytes(trailer, "big")} and rocs != {0}


def _open(columns: PacketColumns, context: SrtpContext) -> StreamOpening:
    known = Known()
    opening = Opener(columns, context, known).run().finish()
    known.forget()
    return opening
