# SPDX-License-Identifier: GPL-2.0-only
"""Packets at the end of an exchange that the next one's answer already speaks for.

Whoever answers a re-key may send under the new keys as soon as it has sent its answer (RFC 3264 §6.1), and media often
outruns signalling: such packets come before the answer is seen, and only keys tell that they are the next exchange's.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analyzer.model.call import BoundStream, MediaLine
from analyzer.model.keying import StreamAudit
from analyzer.model.report import AuditedMedia


def hand_over(media: Sequence[AuditedMedia]) -> tuple[MediaLine, ...]:
    """The lines of a call, each pair of exchanges with the packets moved that failed in the one and began the other.

    Only packets at the very end of a stream's range move; where none do the lines are the same values. Whether they
    belong there shows when both lines are audited anew.
    """
    lines = [each.line for each in media]
    last: dict[tuple[int, tuple[str, str] | None], int] = {}
    for position, each in enumerate(media):
        key = each.line.index, each.line.exchange.between
        before = last.get(key)
        if each.line.answer is not None:
            if before is not None and any(stream.failed for stream in media[before].streams):
                _move(lines, before, position, media[before].streams)
            last[key] = position
    return tuple(lines)


def _move(lines: list[MediaLine], before: int, after: int, audits: Sequence[StreamAudit]) -> None:
    earlier, later = list(lines[before].streams), list(lines[after].streams)
    for audit in audits:
        first = _first_of_failed_end(audit)
        bound = audit.bound
        if first is None:
            continue
        place = earlier.index(bound)
        earlier[place] = replace(bound, stop=first)
        _receive(later, bound, first)
    kept = tuple(bound for bound in earlier if bound.stop > bound.start)
    if kept != lines[before].streams:
        lines[before] = replace(lines[before], streams=kept)
        lines[after] = replace(lines[after], streams=tuple(later))


def _receive(streams: list[BoundStream], bound: BoundStream, first: int) -> None:
    """The packets from `first` on join those of the same stream, or stand by themselves."""
    count = bound.stop - first
    for place, other in enumerate(streams):
        if other.stream is bound.stream and other.start == bound.stop:
            sent_by = other.sent_by
            streams[place] = replace(other, start=first, before_answer=other.before_answer + count, sent_by=sent_by)
            return
    streams.append(replace(bound, start=first, before_answer=count, rtcp=()))


def _first_of_failed_end(audit: StreamAudit) -> int | None:
    """Where the failed packets begin, if all of them stand at the end of the stream's range."""
    if not audit.failed or not audit.failed_frames:
        return None
    bound = audit.bound
    runs = bound.stream.iter_facts(bound.start, bound.stop)
    places = [each.first + place for each in runs for place in np.flatnonzero(each.frame == audit.failed_frames[0])]
    if len(places) != 1 or bound.stop - int(places[0]) != audit.failed:
        return None
    return int(places[0])
