# SPDX-License-Identifier: GPL-2.0-only
"""Offers, answers and states of calls (RFC 3261, RFC 3264, RFC 6337)."""

import pytest
from call_builders import ALICE, ANSWER, BOB, OFFER, PROXY, Script, answered, bodies, one_call, sdp, track

from analyzer.model.call import CallState, Party, Resolution

SAVP = sdp(proto="RTP/SAVP")
HELD = sdp("0.0.0.0", 4000)
SECOND = 10**9


def resolutions(call):
    return [exchange.resolution for exchange in call.exchanges]


def test_an_ordinary_call():
    call = one_call(answered())
    assert (call.state, call.caller, call.callee) == (
        CallState.ENDED, "sip:alice@example.com", "sip:bob@example.com",
    )  # fmt: skip
    assert bodies(call) == [(OFFER, ANSWER)]
    (exchange,) = call.exchanges
    assert (exchange.start_ns, exchange.answered_ns, exchange.end_ns) == (2 * SECOND, 4 * SECOND, None)
    assert exchange.final.sip.status == 200
    assert (exchange.offer.party, exchange.answer.party) == (Party.CALLER, Party.CALLEE)
    assert (call.start_ns, call.end_ns, len(call.messages)) == (2 * SECOND, 31 * SECOND, 6)
    (line,) = call.media
    assert (line.offer.address, line.offer.rtcp_address) == ("10.0.0.1:4000", "10.0.0.1:4001")
    assert (line.answer.address, line.answer.rtcp_address) == ("10.0.0.2:6000", "10.0.0.2:6001")


def test_a_call_without_bye_is_answered():
    assert one_call(answered(bye=False)).state is CallState.ANSWERED


def test_retransmissions_name_their_first_copy_and_start_nothing():
    script = Script()
    invite = script.request("INVITE", 1, OFFER)
    script.repeat(invite)
    ringing = script.response(invite, 180)
    script.repeat(ringing)
    ok = script.response(invite, 200, ANSWER)
    script.response(invite, 200, ANSWER, headers=("Date: Tue, 24 Nov 2026 04:00:00 GMT",))
    script.repeat(ok)
    script.repeat(script.ack(1))
    call = one_call(script)
    repeats = [message.retransmission_of for message in call.messages]
    assert [ref and ref.frame for ref in repeats] == [None, 1, None, 3, None, 5, 5, None, 8]
    assert bodies(call) == [(OFFER, ANSWER)]


def test_the_same_octets_in_another_capture_are_no_retransmission_and_no_second_exchange():
    script = answered()
    other = answered(Script(capture=1))
    call = one_call(
        Script(messages=sorted(script.messages + other.messages, key=lambda m: (m.timestamp_ns, m.capture)))
    )
    assert len(call.messages) == 12
    assert all(message.retransmission_of is None for message in call.messages)
    assert bodies(call) == [(OFFER, ANSWER)]


@pytest.mark.parametrize("rewritten", [False, True])
def test_a_proxy_hop_makes_no_second_exchange_and_hops_are_not_mixed(rewritten):
    onward_offer, inner_answer = (sdp("10.0.0.9", 7000), sdp("10.0.0.2", 6000)) if rewritten else (OFFER, ANSWER)
    outer_answer = sdp("10.0.0.9", 7002) if rewritten else ANSWER
    script = Script()
    invite = script.request("INVITE", 1, OFFER, hop=(ALICE, PROXY))
    onward = script.request("INVITE", 1, onward_offer, hop=(PROXY, BOB))
    script.response(onward, 200, inner_answer)
    script.response(invite, 200, outer_answer)
    script.ack(1, hop=(ALICE, PROXY))
    script.ack(1, hop=(PROXY, BOB))
    bye = script.request("BYE", 9, frm="b", to_tag="a", hop=(BOB, PROXY))
    script.request("BYE", 9, frm="b", to_tag="a", hop=(PROXY, ALICE))
    script.response(bye, 200)
    call = one_call(script)
    assert bodies(call) == [(OFFER, outer_answer)]
    assert (call.state, len(call.messages)) == (CallState.ENDED, 9)


def test_a_reinvite_of_the_callee_is_read_on_the_hop_nearest_the_caller():
    script = Script()
    invite = script.request("INVITE", 1, OFFER, hop=(ALICE, PROXY))
    onward = script.request("INVITE", 1, sdp("10.0.0.9", 7000), hop=(PROXY, BOB))
    script.response(onward, 200, ANSWER)
    script.response(invite, 200, sdp("10.0.0.9", 7002))
    inner = script.request("INVITE", 5, sdp("10.0.0.2", 6002), frm="b", to_tag="a", hop=(BOB, PROXY))
    outer = script.request("INVITE", 5, sdp("10.0.0.9", 7004), frm="b", to_tag="a", hop=(PROXY, ALICE))
    script.response(outer, 200, sdp(port=4002))
    script.response(inner, 200, sdp("10.0.0.9", 7006))
    call = one_call(script)
    assert bodies(call)[1:] == [(sdp("10.0.0.9", 7004), sdp(port=4002))]
    assert call.exchanges[1].offer.party is Party.CALLEE


def test_an_answer_in_183_repeated_in_200_is_one_exchange_answered_at_183():
    script = Script()
    invite = script.request("INVITE", 1, OFFER)
    script.response(invite, 183, ANSWER)
    script.response(invite, 200, ANSWER)
    (exchange,) = one_call(script).exchanges
    assert (exchange.answered_ns, exchange.final.sip.status) == (3 * SECOND, 200)


def test_another_description_in_200_replaces_that_of_183():
    script = Script()
    invite = script.request("INVITE", 1, OFFER)
    script.response(invite, 183, sdp("10.0.0.3", 9000))
    script.response(invite, 200, ANSWER)
    call = one_call(script)
    assert bodies(call) == [(OFFER, ANSWER)]
    assert call.exchanges[0].answered_ns == 4 * SECOND


def test_a_183_alone_is_the_answer_of_a_call_still_trying():
    script = Script()
    script.response(script.request("INVITE", 1, OFFER), 183, ANSWER)
    call = one_call(script)
    assert (call.state, bodies(call), resolutions(call)) == (
        CallState.TRYING, [(OFFER, ANSWER)], [Resolution.ANSWERED],
    )  # fmt: skip


def test_a_delayed_offer_is_answered_in_ack():
    script = Script()
    invite = script.request("INVITE", 1)
    script.response(invite, 200, ANSWER)
    script.ack(1, OFFER)
    call = one_call(script)
    assert bodies(call) == [(ANSWER, OFFER)]
    (exchange,) = call.exchanges
    assert (exchange.offer.party, exchange.answer.party) == (Party.CALLEE, Party.CALLER)
    assert (exchange.start_ns, exchange.answered_ns) == (3 * SECOND, 4 * SECOND)
    assert exchange.final.sip.method == "ACK"


@pytest.mark.parametrize(("acknowledged", "resolution"), [(True, Resolution.REJECTED), (False, Resolution.UNANSWERED)])
def test_a_delayed_offer_without_answer(acknowledged, resolution):
    script = Script()
    script.response(script.request("INVITE", 1), 200, ANSWER)
    if acknowledged:
        script.ack(1)
    call = one_call(script)
    assert (bodies(call), resolutions(call)) == ([(ANSWER, None)], [resolution])


def test_a_delayed_offer_in_183_is_answered_in_prack():
    script = Script()
    invite = script.request("INVITE", 1)
    script.response(invite, 183, ANSWER, headers=("RSeq: 1", "Require: 100rel"))
    prack = script.request("PRACK", 2, OFFER, to_tag="b", headers=("RAck: 1 1 INVITE",))
    script.response(prack, 200)
    script.response(invite, 200)
    script.ack(1)
    call = one_call(script)
    assert (bodies(call), resolutions(call)) == ([(ANSWER, OFFER)], [Resolution.ANSWERED])


def test_prack_may_bring_a_new_offer():
    script = Script()
    invite = script.request("INVITE", 1, OFFER)
    script.response(invite, 183, ANSWER, headers=("RSeq: 1",))
    prack = script.request("PRACK", 2, SAVP, to_tag="b", headers=("RAck: 1 1 INVITE",))
    savp_answer = sdp("10.0.0.2", 6000, proto="RTP/SAVP")
    script.response(prack, 200, savp_answer)
    script.response(invite, 200)
    assert bodies(one_call(script)) == [(OFFER, ANSWER), (SAVP, savp_answer)]


def test_update_in_the_early_dialog_and_200_repeating_its_answer():
    script = Script()
    invite = script.request("INVITE", 1, OFFER)
    script.response(invite, 183, ANSWER)
    moved = sdp("10.0.0.2", 6006)
    update = script.request("UPDATE", 2, SAVP, to_tag="b")
    script.response(update, 200, moved)
    script.response(invite, 200, moved)
    call = one_call(script)
    assert bodies(call) == [(OFFER, ANSWER), (SAVP, moved)]
    assert [exchange.number for exchange in call.exchanges] == [0, 1]
    assert call.exchanges[0].end_ns == call.exchanges[1].answered_ns == 5 * SECOND


def test_a_reinvite_is_a_new_exchange_and_a_refresh_is_none():
    script = answered(bye=False)
    rekeyed = sdp("10.0.0.1", 4000, "ptime:30", version=2)
    again = script.request("INVITE", 2, rekeyed, to_tag="b")
    script.response(again, 200, ANSWER)
    refresh = script.request("INVITE", 3, sdp("10.0.0.1", 4000, "ptime:30", version=3), to_tag="b")
    script.response(refresh, 200, ANSWER)
    from_callee = script.request("UPDATE", 7, ANSWER, frm="b", to_tag="a")
    script.response(from_callee, 200, rekeyed)
    assert bodies(one_call(script)) == [(OFFER, ANSWER), (rekeyed, ANSWER)]


def test_an_early_answer_that_200_repeats_with_its_attributes_in_another_order_is_no_other_answer():
    lines = ["sendrecv", "crypto:1 S inline:A", "ptime:20", "crypto:2 T inline:B"]
    early = sdp("10.0.0.2", 6000, *lines)
    said = {
        "reordered": sdp("10.0.0.2", 6000, lines[2], lines[0], lines[1], lines[3], version=2),
        "other preference": sdp("10.0.0.2", 6000, lines[0], lines[3], lines[2], lines[1], version=2),
    }
    found = {}
    for name, later in said.items():
        script = Script()
        invite = script.request("INVITE", 1, SAVP)
        script.response(invite, 183, early)
        script.response(invite, 200, later)
        found[name] = [answer for _, answer in bodies(one_call(script))]
    assert found == {"reordered": [early], "other preference": [said["other preference"]]}


def test_a_refused_reinvite_leaves_the_session_in_force():
    script = answered(bye=False)
    script.response(script.request("INVITE", 2, SAVP, to_tag="b"), 488)
    script.request("ACK", 2, to_tag="b")
    call = one_call(script)
    assert (bodies(call), resolutions(call)) == (
        [(OFFER, ANSWER), (SAVP, None)], [Resolution.ANSWERED, Resolution.REJECTED],
    )  # fmt: skip
    assert (call.state, call.exchanges[0].end_ns) == (CallState.ANSWERED, None)
    assert call.exchanges[1].final.sip.status == 488
    assert [(line.exchange.number, line.answer is None) for line in call.media] == [(0, False), (1, True)]


def test_an_answered_reinvite_of_a_refused_one_with_the_same_offer_is_one_entry():
    script = answered(bye=False)
    script.response(script.request("INVITE", 2, SAVP, to_tag="b"), 491)
    script.response(script.request("INVITE", 3, SAVP, to_tag="b"), 200, ANSWER)
    assert bodies(one_call(script)) == [(OFFER, ANSWER), (SAVP, ANSWER)]


@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize("number", [1, 2])
def test_a_challenged_invite_is_one_attempt_with_its_retry(status, number):
    script = Script()
    challenged = script.request("INVITE", 1, sdp(version=1))
    script.response(challenged, status, to_tag="proxy")
    script.ack(1, to_tag="proxy")
    retry = script.request("INVITE", number, sdp(version=2), headers=("Authorization: Digest",))
    script.response(retry, 200, ANSWER)
    call = one_call(script)
    assert (bodies(call), call.state) == ([(sdp(version=2), ANSWER)], CallState.ANSWERED)


def test_a_challenge_without_retry_is_a_refusal():
    script = Script()
    script.response(script.request("INVITE", 1, OFFER), 407)
    call = one_call(script)
    assert (resolutions(call), call.state) == ([Resolution.REJECTED], CallState.REJECTED)


def test_a_retry_that_drops_the_profile_keeps_the_first_offer_in_sight():
    script = Script()
    script.response(script.request("INVITE", 1, SAVP), 407)
    script.response(script.request("INVITE", 2, OFFER), 200, ANSWER)
    assert bodies(one_call(script)) == [(SAVP, None), (OFFER, ANSWER)]


@pytest.mark.parametrize("status", [302, 415, 488, 606])
def test_a_refused_offer_followed_by_another_stays(status):
    script = Script()
    script.response(script.request("INVITE", 1, SAVP), status, to_tag="x")
    script.ack(1, to_tag="x")
    script.response(script.request("INVITE", 2, OFFER), 200, ANSWER)
    call = one_call(script)
    assert (bodies(call), call.state) == ([(SAVP, None), (OFFER, ANSWER)], CallState.ANSWERED)


def test_a_refused_call():
    script = Script()
    script.response(script.request("INVITE", 1, OFFER), 486)
    call = one_call(script)
    assert (call.state, resolutions(call), bodies(call)) == (
        CallState.REJECTED, [Resolution.REJECTED], [(OFFER, None)],
    )  # fmt: skip


def test_a_cancelled_call():
    script = Script()
    invite = script.request("INVITE", 1, OFFER)
    script.response(invite, 180)
    script.response(script.request("CANCEL", 1), 200)
    script.response(invite, 487)
    call = one_call(script)
    assert (call.state, resolutions(call)) == (CallState.CANCELLED, [Resolution.CANCELLED])


def test_a_call_never_answered():
    script = Script()
    script.response(script.request("INVITE", 1, OFFER), 180)
    call = one_call(script)
    assert (call.state, resolutions(call), bodies(call)) == (
        CallState.TRYING, [Resolution.UNANSWERED], [(OFFER, None)],
    )  # fmt: skip


def test_forking_the_2xx_decides():
    script = Script()
    invite = script.request("INVITE", 1, OFFER)
    script.response(invite, 183, sdp("10.0.0.3", 9000), to_tag="early")
    script.response(invite, 200, ANSWER, to_tag="b")
    assert bodies(one_call(script)) == [(OFFER, ANSWER)]


def test_forking_with_two_answers_gives_an_exchange_for_each():
    script = Script()
    invite = script.request("INVITE", 1, OFFER)
    script.response(invite, 200, ANSWER, to_tag="b")
    script.response(invite, 200, sdp("10.0.0.3", 9000), to_tag="c")
    script.ack(1, to_tag="b")
    script.ack(1, to_tag="c")
    script.request("BYE", 2, to_tag="c")
    call = one_call(script)
    assert bodies(call) == [(OFFER, ANSWER), (OFFER, sdp("10.0.0.3", 9000))]
    assert call.state is CallState.ANSWERED
    assert [exchange.end_ns for exchange in call.exchanges] == [None, None]


def test_a_refusal_behind_the_first_hop_is_not_that_of_the_call():
    script = Script()
    invite = script.request("INVITE", 1, OFFER, hop=(ALICE, PROXY))
    script.response(invite, 100)
    script.response(script.request("INVITE", 1, OFFER, hop=(PROXY, BOB)), 486)
    call = one_call(script)
    assert (call.state, resolutions(call)) == (CallState.TRYING, [Resolution.UNANSWERED])


def test_mid_call_from_the_2xx_on():
    script = answered()
    script.messages = script.messages[2:]
    call = one_call(script)
    assert (call.state, bodies(call), resolutions(call)) == (
        CallState.MID_CALL, [(None, ANSWER)], [Resolution.OFFER_UNSEEN],
    )  # fmt: skip
    assert (call.caller, call.callee) == ("sip:alice@example.com", "sip:bob@example.com")
    assert (call.media[0].offer, call.media[0].answer.address) == (None, "10.0.0.2:6000")


def test_mid_call_from_the_2xx_on_where_the_ack_shows_that_it_was_an_offer():
    script = Script()
    script.response(script.request("INVITE", 1), 200, ANSWER)
    script.ack(1, OFFER)
    script.messages = script.messages[1:]
    assert bodies(one_call(script)) == [(ANSWER, OFFER)]


@pytest.mark.parametrize("method", ["BYE", "ACK", "INFO", "UPDATE"])
def test_mid_call_with_one_request(method):
    script = Script()
    script.request(method, 7, to_tag="b")
    call = one_call(script)
    assert (call.state, call.exchanges, call.media) == (CallState.MID_CALL, (), ())


def test_mid_call_reinvite_is_an_exchange():
    script = Script()
    script.response(script.request("INVITE", 7, OFFER, to_tag="b"), 200, ANSWER)
    call = one_call(script)
    assert (call.state, bodies(call)) == (CallState.MID_CALL, [(OFFER, ANSWER)])


@pytest.mark.parametrize("method", ["REGISTER", "OPTIONS", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER"])
def test_what_stands_outside_calls(method):
    script = Script()
    script.response(script.request(method, 1), 200)
    found = track(script)
    assert (found.calls, [message.frame for message in found.outside]) == ((), [1, 2])


def test_in_dialog_requests_belong_to_the_call_and_register_never():
    script = answered(bye=False)
    for number, method in enumerate(("OPTIONS", "MESSAGE", "NOTIFY", "REFER"), 2):
        script.response(script.request(method, number, to_tag="b"), 200)
    script.response(script.request("REGISTER", 20), 200)
    found = track(script)
    assert len(found.calls[0].messages) == 12
    assert [message.sip.cseq_method for message in found.outside] == ["REGISTER", "REGISTER"]


def test_a_message_without_call_id_stands_outside():
    script = Script()
    script.send(b"INVITE sip:b@example.com SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n", ALICE, BOB)
    found = track(script)
    assert (found.calls, len(found.outside)) == ((), 1)


def test_port_zero_hold_ipv6_and_rtcp_addresses():
    script = Script()
    video = ("m=video 5000 RTP/AVP 31", "a=rtcp:5555 IN IP6 2001:db8::ff")
    offer = sdp("2001:DB8::1", 4000, "rtcp-mux", more=video)
    answer = sdp("0.0.0.0", 6000, "rtcp-mux", more=("m=video 0 RTP/AVP 31",))
    script.response(script.request("INVITE", 1, offer), 200, answer)
    audio, video = one_call(script).media
    assert (audio.offer.address, audio.offer.rtcp_address) == ("[2001:db8::1]:4000",) * 2
    assert (audio.answer.address, audio.answer.rtcp_address, audio.answer.media.port) == (None, None, 6000)
    assert (video.offer.address, video.offer.rtcp_address) == ("[2001:db8::1]:5000", "[2001:db8::ff]:5555")
    assert (video.answer.address, video.answer.media.port, video.type, video.index) == (None, 0, "video", 1)


def test_an_answer_without_a_media_line_leaves_that_side_empty():
    script = Script()
    script.response(script.request("INVITE", 1, sdp(more=("m=video 5000 RTP/AVP 31",))), 200, ANSWER)
    assert [line.answer is None for line in one_call(script).media] == [False, True]


def test_a_body_that_is_no_description_is_no_answer_and_no_refusal():
    script = Script()
    script.response(script.request("INVITE", 1, OFFER), 200, b"\xff\x00")
    assert resolutions(one_call(script)) == [Resolution.UNANSWERED]


def test_hold_and_resume_are_exchanges_of_their_own():
    script = answered(bye=False)
    script.response(script.request("INVITE", 2, HELD, to_tag="b"), 200, ANSWER)
    script.response(script.request("INVITE", 3, OFFER, to_tag="b"), 200, ANSWER)
    assert bodies(one_call(script)) == [(OFFER, ANSWER), (HELD, ANSWER), (OFFER, ANSWER)]
