# SPDX-License-Identifier: GPL-2.0-only
"""The ladder: every message and stream once, in the order of the frames, between the right columns."""

from dataclasses import replace

from analyzer.model.call import Side
from analyzer.model.call_messages import CallMessages
from reports import ladder as ladder_module
from reports.ladder import draw_ladder
from tests.reports.builders import FabricatedStream, make_call, stream_audit


def test_rows_stand_in_the_order_of_the_frames() -> None:
    ladder = draw_ladder(make_call())
    assert ladder is not None
    rows = sorted([(arrow.y, arrow.frame) for arrow in ladder.arrows] + [(band.y, band.frame) for band in ladder.bands])
    assert [frame for _, frame in rows] == [1, 2, 3, 7, 10, 11, 12, 12, 1011, 1012]
    assert len({y for y, _ in rows}) == len(rows)
    assert ladder.omitted == 0
    assert all(y < ladder.height for y, _ in rows)


def test_directions_and_marks() -> None:
    ladder = draw_ladder(make_call())
    assert ladder is not None
    invite, trying, repeat, _, final = ladder.arrows[:5]
    left, right = (column.x for column in ladder.columns)
    assert (invite.x1, invite.x2, invite.note) == (left, right, "SDP offer")
    assert (trying.x1, trying.x2, trying.kind) == (right, left, "provisional")
    assert (repeat.repeated, repeat.note) == (True, "repeats #1")
    assert (final.name, final.note, final.kind) == ("200 OK", "SDP answer", "success")
    there, back = ladder.bands
    assert there.left == left
    assert back.left > left


def test_parties_on_one_host_are_told_apart_by_port_and_media_by_who_sent() -> None:
    call = make_call()
    messages = tuple(
        one._replace(
            source=one.source.replace("192.0.2.10:5060", "127.0.0.1:5070").replace("198.51.100.20", "127.0.0.1"),
            destination=one.destination.replace("192.0.2.10:5060", "127.0.0.1:5070").replace(
                "198.51.100.20", "127.0.0.1"
            ),
        )
        for one in call.call.messages
    )
    offer = call.call.exchanges[0].offer
    assert offer is not None
    exchange = call.call.exchanges[0]._replace(offer=offer._replace(message=messages[0]))
    flow = FabricatedStream(7, "127.0.0.1:4000", "127.0.0.1:5004")
    sent = stream_audit(Side.ANSWERER)
    sent = replace(sent, bound=replace(sent.bound, stream=flow))
    media = replace(call.media[0], line=replace(call.media[0].line, exchange=exchange), streams=(sent,))
    ladder = draw_ladder(
        replace(call, call=replace(call.call, messages=CallMessages(messages), exchanges=(exchange,)), media=(media,))
    )
    assert ladder is not None
    assert [column.label for column in ladder.columns] == ["127.0.0.1:5070", "127.0.0.1:5060"]
    assert ladder.bands[0].tip.startswith(f"M{ladder.columns[0].x} ")


def test_what_does_not_fit_is_counted() -> None:
    call = make_call()
    many = replace(call, call=replace(call.call, messages=CallMessages(call.call.messages * 30)))
    ladder = draw_ladder(many)
    assert ladder is not None
    assert len(ladder.arrows) + len(ladder.bands) == ladder_module.MAX_ROWS
    assert ladder.omitted == 30 * len(call.call.messages) + 2 - ladder_module.MAX_ROWS


def test_a_call_without_messages_has_no_ladder() -> None:
    call = make_call()
    assert draw_ladder(replace(call, call=replace(call.call, messages=CallMessages()))) is None
