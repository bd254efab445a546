# SPDX-License-Identifier: GPL-2.0-only
"""Streams, RTCP and in-band keying bound to the media lines that announced their addresses."""

import pytest
from call_builders import (
    A_RTCP,
    A_RTP,
    ALICE,
    ANSWER,
    B_RTCP,
    B_RTP,
    BOB,
    OFFER,
    PROXY,
    Packets,
    Script,
    answered,
    media,
    one_call,
    rtcp,
    sdp,
    track,
)  # fmt: skip

from analyzer.model.call import Resolution, Side

TO_B = Packets(A_RTP, B_RTP, (5.0, 6.0, 7.0), ssrc=0xA)
TO_A = Packets(B_RTP, A_RTP, (3.5, 5.0, 6.0), ssrc=0xB)


def ranges(line):
    return [(stream.stream.ssrc, stream.start, stream.stop, stream.sent_by) for stream in line.streams]


def test_both_directions_and_early_media():
    found = track(answered(), evidence=media(TO_B, TO_A))
    (line,) = found.calls[0].media
    assert ranges(line) == [(0xB, 0, 3, Side.ANSWERER), (0xA, 0, 3, Side.OFFERER)]
    assert [stream.before_answer for stream in line.streams] == [1, 0]
    assert found.unbound == ()


def test_another_capture_of_the_set_binds_too():
    (line,) = one_call(answered(), media(Packets(A_RTP, B_RTP, (5.0,), capture=1))).media
    assert ranges(line) == [(1, 0, 1, Side.OFFERER)]


def test_the_source_binds_where_nobody_announced_the_destination():
    streams = media(Packets(A_RTP, "192.0.2.7:9", (5.0,), ssrc=1), Packets(B_RTP, "192.0.2.8:9", (6.0,), ssrc=2))
    (line,) = one_call(answered(), streams).media
    assert ranges(line) == [(1, 0, 1, Side.OFFERER), (2, 0, 1, Side.ANSWERER)]


def test_nat_of_the_sender_binds_by_destination():
    (line,) = one_call(answered(), media(Packets("192.0.2.7:1111", B_RTP, (5.0,)))).media
    assert ranges(line) == [(1, 0, 1, Side.OFFERER)]


def test_a_stream_that_spans_exchanges_is_split_at_the_answer():
    script = answered(bye=False)
    invite = script.request("INVITE", 2, sdp("10.0.0.1", 4000, "ptime:30"), to_tag="b", at=10)
    script.response(invite, 200, ANSWER, at=12)
    stream = Packets(A_RTP, B_RTP, (5.0, 9.0, 11.0, 12.0, 13.0))
    first, second = one_call(script, media(stream)).media
    assert (ranges(first), ranges(second)) == ([(1, 0, 3, Side.OFFERER)], [(1, 3, 5, Side.OFFERER)])
    assert [line.streams[0].before_answer for line in (first, second)] == [0, 0]


def test_roles_follow_the_exchange():
    script = answered(bye=False)
    script.response(
        script.request("INVITE", 7, sdp("10.0.0.2", 6000, "x"), frm="b", to_tag="a", at=10), 200, OFFER, at=11
    )
    first, second = one_call(script, media(Packets(A_RTP, B_RTP, (5.0, 12.0)))).media
    assert (ranges(first), ranges(second)) == ([(1, 0, 1, Side.OFFERER)], [(1, 1, 2, Side.ANSWERER)])


def test_an_address_that_only_the_new_offer_announced_counts_from_the_offer():
    script = answered(bye=False)
    script.response(script.request("INVITE", 2, sdp(port=4444), to_tag="b", at=10), 200, ANSWER, at=12)
    first, second = one_call(script, media(Packets(B_RTP, "10.0.0.1:4444", (11.0, 13.0)))).media
    assert (ranges(first), ranges(second)) == ([], [(1, 0, 2, Side.ANSWERER)])
    assert second.streams[0].before_answer == 1


def test_a_refused_reinvite_takes_no_packets():
    script = answered(bye=False)
    script.response(script.request("INVITE", 2, sdp(proto="RTP/SAVP"), to_tag="b", at=10), 488, at=12)
    first, second = one_call(script, media(Packets(A_RTP, B_RTP, (5.0, 11.0, 13.0)))).media
    assert (ranges(first), ranges(second)) == ([(1, 0, 3, Side.OFFERER)], [])


def test_an_address_reused_by_a_later_call_binds_by_time():
    one, two = answered(), answered(Script("call-2", clock=100, frame=50))
    streams = media(Packets(A_RTP, B_RTP, (5.0, 6.0), ssrc=1), Packets(A_RTP, B_RTP, (105.0, 106.0), ssrc=2))
    found = track(one, two, evidence=streams)
    assert [ranges(call.media[0]) for call in found.calls] == [[(1, 0, 2, Side.OFFERER)], [(2, 0, 2, Side.OFFERER)]]


def test_a_call_whose_end_was_not_seen_gives_way_to_the_next():
    one, two = answered(bye=False), answered(Script("call-2", clock=100, frame=50))
    found = track(one, two, evidence=media(Packets(A_RTP, B_RTP, (5.0, 90.0, 105.0))))
    assert [ranges(call.media[0]) for call in found.calls] == [[(1, 0, 2, Side.OFFERER)], [(1, 2, 3, Side.OFFERER)]]


def test_calls_at_the_same_time_to_one_address_are_told_apart_by_the_sender():
    one = answered(Script("call-1"))
    two = answered(Script("call-2", clock=1.5, frame=50), offer=sdp(port=4002))
    streams = media(Packets(A_RTP, B_RTP, (8.0,), ssrc=1), Packets("10.0.0.1:4002", B_RTP, (8.0,), ssrc=2))
    found = track(one, two, evidence=streams)
    assert [ranges(call.media[0]) for call in found.calls] == [[(1, 0, 1, Side.OFFERER)], [(2, 0, 1, Side.OFFERER)]]


def test_packets_after_the_end_stay_with_their_stream_and_new_streams_do_not():
    streams = media(Packets(A_RTP, B_RTP, (5.0, 500.0), ssrc=1), Packets(A_RTP, B_RTP, (500.0,), ssrc=2))
    found = track(answered(), evidence=streams)
    assert ranges(found.calls[0].media[0]) == [(1, 0, 2, Side.OFFERER)]
    assert [(bound.stream.ssrc, bound.sent_by) for bound in found.unbound] == [(2, None)]


def test_packets_before_any_offer_stay_by_themselves():
    found = track(answered(), evidence=media(Packets(A_RTP, B_RTP, (0.5, 5.0))))
    assert ranges(found.calls[0].media[0]) == [(1, 1, 2, Side.OFFERER)]
    assert [(bound.start, bound.stop, bound.sent_by, bound.before_answer) for bound in found.unbound] == [
        (0, 1, None, 0)
    ]


def test_streams_before_an_unseen_offer_belong_to_the_call():
    script = answered()
    script.messages = script.messages[2:]
    (line,) = one_call(script, media(Packets(A_RTP, B_RTP, (0.5, 5.0)), Packets(B_RTP, A_RTP, (0.7,), ssrc=2))).media
    assert ranges(line) == [(1, 0, 2, Side.OFFERER), (2, 0, 1, Side.ANSWERER)]


def test_both_parties_on_one_address():
    same = "127.0.0.1:4000"
    script = answered(offer=sdp("127.0.0.1", 4000), answer=sdp("127.0.0.1", 4000))
    (line,) = one_call(script, media(Packets(same, same, (5.0,)), rtcp=(rtcp(same, same, (6.0,), 1),))).media
    assert ranges(line) == [(1, 0, 1, None)]
    assert line.streams[0].rtcp[0].indices == (0,)


def test_forked_answers_get_their_own_streams():
    script = Script()
    invite = script.request("INVITE", 1, OFFER)
    script.response(invite, 200, ANSWER, to_tag="b")
    script.response(invite, 200, sdp("10.0.0.3", 9000), to_tag="c")
    other = "10.0.0.3:9000"
    streams = media(
        *(Packets(a, b, (9.0,)) for a, b in ((A_RTP, B_RTP), (B_RTP, A_RTP), (A_RTP, other), (other, A_RTP)))
    )
    lines = one_call(script, streams).media
    assert [{stream.stream.source for stream in line.streams} for line in lines] == [{A_RTP, B_RTP}, {A_RTP, other}]


@pytest.mark.parametrize("flowed", [True, False])
def test_the_answer_of_an_early_dialog_stays_only_where_early_media_flowed(flowed):
    script = Script()
    invite = script.request("INVITE", 1, OFFER)
    script.response(invite, 183, ANSWER)
    script.response(invite, 486, at=9)
    call = one_call(script, media(Packets(B_RTP, A_RTP, (5.0,))) if flowed else None)
    (line,) = call.media
    assert call.exchanges[0].resolution is Resolution.REJECTED
    assert [each is not None for each in (line.answer, line.exchange.answer, call.exchanges[0].answer)] == [flowed] * 3
    assert len(line.streams) == flowed


def test_bundled_lines_are_told_apart_by_ssrc_and_payload_type():
    offer = sdp(more=("m=video 4000 RTP/AVP 96", "m=video 4000 RTP/AVP 96", "a=ssrc:77 cname:x"))
    answer = sdp("10.0.0.2", 6000, more=("m=video 6000 RTP/AVP 96", "m=video 6000 RTP/AVP 96"))
    streams = media(
        *(Packets(A_RTP, B_RTP, (5.0,), ssrc=ssrc, pt=pt) for ssrc, pt in ((1, 0), (2, 96), (77, 96), (4, 3)))
    )
    lines = one_call(answered(offer=offer, answer=answer), streams).media
    assert [[stream.stream.ssrc for stream in line.streams] for line in lines] == [[1, 4], [2], [77]]


def test_rtcp_goes_to_the_stream_with_its_ssrc_or_the_first_of_its_side():
    streams = (TO_B, Packets(A_RTP, B_RTP, (6.0,), ssrc=0xC), TO_A)
    flows = (
        rtcp(A_RTCP, B_RTCP, (5.5, 6.5), 0xC),
        rtcp(A_RTP, B_RTP, (7.5,), 0xDD),
        rtcp(B_RTCP, A_RTCP, (8.0,), 0xEE),
    )
    (line,) = one_call(answered(), media(*streams, rtcp=flows)).media
    attached = {bound.stream.ssrc: [(each.flow, each.indices) for each in bound.rtcp] for bound in line.streams}
    assert attached == {0xC: [(flows[0], (0, 1))], 0xA: [(flows[1], (0,))], 0xB: [(flows[2], (0,))]}
    assert line.lone_rtcp == ()


def test_rtcp_of_a_side_without_rtp_is_not_lost():
    flow = rtcp(B_RTCP, A_RTCP, (5.5,), 0xEE)
    (line,) = one_call(answered(), media(TO_B, rtcp=(flow,))).media
    assert line.streams[0].rtcp == ()
    assert [(each.flow, each.indices) for each in line.lone_rtcp] == [(flow, (0,))]


def test_rtcp_is_split_with_the_exchanges():
    script = answered(bye=False)
    script.response(
        script.request("INVITE", 2, sdp("10.0.0.1", 4000, "ptime:30"), to_tag="b", at=10), 200, ANSWER, at=12
    )
    flow = rtcp(A_RTCP, B_RTCP, (6.0, 11.0, 14.0), 1)
    lines = one_call(script, media(Packets(A_RTP, B_RTP, (5.0, 13.0)), rtcp=(flow,))).media
    assert [line.streams[0].rtcp[0].indices for line in lines] == [(0, 1), (2,)]


def test_rtcp_beside_a_bound_stream_at_an_address_nobody_announced():
    flow = rtcp("192.0.2.1:21", "192.0.2.2:31", (6.0,), 5)
    streams = media(Packets("192.0.2.1:20", "192.0.2.2:30", (5.0,), ssrc=5), rtcp=(flow,))
    (bound,) = track(evidence=streams).unbound
    assert (bound.sent_by, bound.start, bound.stop, bound.rtcp[0].indices) == (None, 0, 1, (0,))


def test_keying_in_band_counts_for_its_exchange_and_later_ones_that_keep_the_address():
    script = answered(bye=False)
    script.response(
        script.request("INVITE", 2, sdp("10.0.0.1", 4000, "sendonly"), to_tag="b", at=10), 200, ANSWER, at=12
    )
    early, late = Packets(A_RTP, B_RTP, (4.5,)), Packets(B_RTP, A_RTP, (13.0,))
    first, second = one_call(script, media(dtls=(early,), zrtp=(late,))).media
    assert (first.dtls, first.zrtp, second.dtls, second.zrtp) == ((early,), (), (early,), (late,))


def test_keying_of_another_call_does_not_count():
    found = track(answered(), evidence=media(dtls=(Packets("192.0.2.1:1", "192.0.2.2:2", (5.0,)),)))
    assert found.calls[0].media[0].dtls == ()


def test_times_that_step_back_lose_no_packet():
    (line,) = one_call(answered(), media(Packets(A_RTP, B_RTP, (5.0, 4.9, 6.0, 5.5)))).media
    assert ranges(line) == [(1, 0, 4, Side.OFFERER)]


def test_a_proxied_call_binds_the_stream_once():
    script = Script()
    invite = script.request("INVITE", 1, OFFER, hop=(ALICE, PROXY))
    onward = script.request("INVITE", 1, OFFER, hop=(PROXY, BOB))
    script.response(onward, 200, ANSWER)
    script.response(invite, 200, ANSWER)
    assert ranges(one_call(script, media(Packets(A_RTP, B_RTP, (7.0,)))).media[0]) == [(1, 0, 1, Side.OFFERER)]
