# SPDX-License-Identifier: GPL-2.0-only
"""Streams at endpoints nobody announced: candidates, checks, latching, SSRCs that SDP or MIKEY name; bundles, forks."""

import base64
import struct

import pytest
from call_builders import (
    A_RTP,
    ALICE,
    ANSWER,
    B_RTP,
    BOB,
    OFFER,
    Packets,
    Script,
    answered,
    media,
    one_call,
    sdp,
    track,
)

from analyzer.calls import CallTracker
from analyzer.model.call import Side
from dissectors.grammar.ice import parse_candidate, parse_check_username

NAT_A, NAT_B = "203.0.113.1:40000", "203.0.113.2:50000"


def ranges(line):
    return [(stream.stream.ssrc, stream.start, stream.stop, stream.sent_by) for stream in line.streams]


def mikey_map(*ssrcs):
    """An I_MESSAGE of nothing but a header with an SRTP-ID map (RFC 3830 §6.1)."""
    entries = b"".join(struct.pack(">BII", 0, ssrc, 0) for ssrc in ssrcs)
    octets = bytes((1, 0, 0, 0)) + struct.pack(">IBB", 7, len(ssrcs), 0) + entries
    return f"key-mgmt:mikey {base64.b64encode(octets).decode()}"


def check(source, destination, to, sender, seconds=(4.5,)):
    name = f"{to}:{sender}".encode()
    attribute = struct.pack(">HH", 6, len(name)) + name + bytes(-len(name) % 4)
    octets = struct.pack(">HHI12s", 1, len(attribute), 0x2112A442, b"transaction!") + attribute
    return Packets(source, destination, seconds, payloads=(octets,) * len(seconds))


def test_candidates_are_read_as_rfc_8839_writes_them():
    value = "1 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998"  # RFC 8839 §5.1
    assert parse_candidate(value) == (1, "UDP", 1694498815, "192.0.2.3", 45664, "srflx")
    for odd in ("", "1 1 UDP", "1 1 UDP x 192.0.2.3 1 typ host", "1 1 UDP 1 192.0.2.3 1 kind host"):
        assert parse_candidate(odd) is None


def test_a_check_names_whom_it_goes_to_and_who_sends_it():
    assert parse_check_username(check(A_RTP, B_RTP, "bobs", "alices").payloads[0]) == ("bobs", "alices")
    assert parse_check_username(bytes(20)) is None
    assert parse_check_username(struct.pack(">HHI12s", 0x0101, 0, 0x2112A442, b"transaction!")) is None


def test_candidates_bind_whichever_pair_is_taken():
    offer = sdp("10.0.0.1", 4000, "candidate:2 1 UDP 1 203.0.113.1 40000 typ srflx raddr 10.0.0.1 rport 4000")
    answer = sdp("10.0.0.2", 6000, "candidate:2 1 UDP 1 203.0.113.2 50000 typ srflx raddr 10.0.0.2 rport 6000")
    streams = (Packets(NAT_A, NAT_B, (5.0,), ssrc=1), Packets(NAT_B, NAT_A, (5.1,), ssrc=2))
    call = one_call(answered(offer=offer, answer=answer), media(*streams))
    assert ranges(call.media[0]) == [(1, 0, 1, Side.OFFERER), (2, 0, 1, Side.ANSWERER)]
    assert call.media[0].side_at(NAT_A) is Side.OFFERER


def test_tcp_candidates_and_names_of_hosts_bind_nothing():
    offer = sdp(
        "10.0.0.1", 4000, "candidate:1 1 TCP 1 203.0.113.1 40000 typ host", "candidate:2 1 UDP 1 a.local 40000 typ host"
    )
    found = track(answered(offer=offer), evidence=media(Packets(NAT_A, NAT_B, (5.0,))))
    assert len(found.unbound) == 1


def test_connectivity_checks_bind_peer_reflexive_endpoints():
    offer, answer = sdp("10.0.0.1", 4000, "ice-ufrag:alices"), sdp("10.0.0.2", 6000, "ice-ufrag:bobs")
    streams = (Packets(NAT_A, NAT_B, (5.0,), ssrc=1), Packets(NAT_B, NAT_A, (5.1,), ssrc=2))
    script = answered(offer=offer, answer=answer)
    call = one_call(script, media(*streams, stun=(check(NAT_A, NAT_B, "bobs", "alices"),)))
    assert ranges(call.media[0]) == [(1, 0, 1, Side.OFFERER), (2, 0, 1, Side.ANSWERER)]
    stranger = one_call(script, media(*streams, stun=(check(NAT_A, NAT_B, "carols", "daves"),)))
    assert ranges(stranger.media[0]) == []


def test_the_checks_of_another_call_bind_to_it():
    scripts = []
    for number, names in enumerate((("alices", "bobs"), ("carols", "daves"))):
        offer, answer = sdp("10.0.0.1", 4000, f"ice-ufrag:{names[0]}"), sdp("10.0.0.2", 6000, f"ice-ufrag:{names[1]}")
        scripts.append(answered(Script(f"call-{number}"), offer=offer, answer=answer))
    found = track(
        *scripts, evidence=media(Packets(NAT_A, NAT_B, (5.0,)), stun=(check(NAT_A, NAT_B, "daves", "carols"),))
    )
    assert [len(call.media[0].streams) for call in found.calls] == [0, 1]


def test_a_latched_address_is_answered_from_a_port_that_nobody_announced():
    there, back = Packets(NAT_A, B_RTP, (5.0, 6.0), ssrc=1), Packets("10.0.0.2:6100", NAT_A, (5.2, 6.2), ssrc=2)
    found = track(answered(), evidence=media(there, back))
    assert ranges(found.calls[0].media[0]) == [(1, 0, 2, Side.OFFERER), (2, 0, 2, Side.ANSWERER)]
    assert found.unbound == ()


def test_what_goes_to_a_latched_address_and_comes_from_it_is_passed_on():
    """A TURN server has one address for both parties: the stream that it forwards is the same party's before it."""
    before, behind = Packets("10.0.0.1:4444", NAT_A, (5.0, 6.0), ssrc=1), Packets(NAT_A, B_RTP, (5.1, 6.1), ssrc=1)
    back = Packets("10.0.0.2:6100", NAT_A, (5.2, 6.2), ssrc=2)
    found = track(answered(), evidence=media(before, behind, back))
    senders = {(one.stream.source, one.sent_by) for one in found.calls[0].media[0].streams}
    assert senders == {("10.0.0.1:4444", Side.OFFERER), (NAT_A, Side.OFFERER), ("10.0.0.2:6100", Side.ANSWERER)}


def lend(server, client, relayed):
    """What a TURN server says when it lends an address of its own to a client (RFC 8656 §7.3)."""
    host, _, port = relayed.rpartition(":")
    cookie = struct.pack(">I", 0x2112A442)
    octets = bytes(one ^ other for one, other in zip(map(int, host.split(".")), cookie, strict=True))
    value = struct.pack(">BBH", 0, 1, int(port) ^ 0x2112) + octets
    message = struct.pack(">HH4s12sHH", 0x0103, 12, cookie, b"transaction!", 0x0016, 8) + value
    return Packets(server, client, (0.5,), payloads=(message,))


def test_calls_that_share_a_turn_server_keep_their_own_streams():
    """Both parties of one call, and the caller of another, announce addresses that one server lends them."""
    server = "203.0.113.9:3478"
    clients = {"10.0.0.1:4444": "203.0.113.9:40010", "10.0.0.2:5555": "203.0.113.9:40020"}
    clients |= {"10.0.0.3:4444": "203.0.113.9:40030"}
    first = answered(offer=sdp("203.0.113.9", 40010), answer=sdp("203.0.113.9", 40020))
    second = answered(Script("call-2"), sdp("203.0.113.9", 40030), sdp("10.0.0.4", 6000))
    streams = [
        Packets("10.0.0.1:4444", server, (5.0,), ssrc=1),
        Packets(server, "10.0.0.2:5555", (5.1,), ssrc=1),
        Packets("10.0.0.3:4444", server, (5.2,), ssrc=3),
        Packets(server, "10.0.0.4:6000", (5.3,), ssrc=3),
    ]
    lent = tuple(lend(server, client, relayed) for client, relayed in clients.items())
    found = track(first, second, evidence=media(*streams, stun=lent))
    expected = [[(ssrc, 0, 1, Side.OFFERER)] * 2 for ssrc in (1, 3)]
    assert [ranges(call.media[0]) for call in found.calls] == expected
    assert found.unbound == ()


def test_an_address_to_which_several_hosts_send_is_no_partys_own():
    """As a TURN server whose allocations were not captured: other calls' streams go to it, too."""
    own = Packets(NAT_A, B_RTP, (5.0,), ssrc=1)
    streams = [Packets("10.0.0.2:6100", NAT_A, (5.1,), ssrc=2), Packets("10.0.0.7:4444", NAT_A, (5.2,), ssrc=3)]
    found = track(answered(), evidence=media(own, *streams))
    assert ranges(found.calls[0].media[0]) == [(1, 0, 1, Side.OFFERER)]
    assert [part.stream.ssrc for part in found.unbound] == [2, 3]


def test_nothing_is_latched_by_who_has_an_address_of_his_own():
    other = answered(Script("call-2"), sdp("10.0.0.3", 4000), sdp("10.0.0.4", 6000))
    streams = (Packets("10.0.0.3:4000", B_RTP, (5.0,), ssrc=1), Packets(NAT_B, "10.0.0.3:4000", (5.2,), ssrc=2))
    found = track(answered(), other, evidence=media(*streams))
    assert [ranges(call.media[0]) for call in found.calls] == [
        [(1, 0, 1, Side.OFFERER)],
        [(2, 0, 1, Side.ANSWERER)],
    ]


@pytest.mark.parametrize(
    ("attribute", "sender"),
    [("ssrc:77 cname:alice", Side.OFFERER), (mikey_map(77, 78), None), (mikey_map(5, 77), None)],
)
def test_an_ssrc_that_a_call_names_binds(attribute, sender):
    found = track(
        answered(offer=sdp("10.0.0.1", 4000, attribute)), evidence=media(Packets(NAT_A, NAT_B, (5.0, 6.0), ssrc=77))
    )
    assert ranges(found.calls[0].media[0]) == [(77, 0, 2, sender)]


@pytest.mark.parametrize("attribute", ["ssrc:77 cname:alice", mikey_map(77)])
def test_an_ssrc_that_two_calls_name_or_that_is_out_of_time_binds_nothing(attribute):
    offer = sdp("10.0.0.1", 4000, attribute)
    scripts = [answered(Script(f"call-{number}"), offer) for number in range(2)]
    stream = Packets(NAT_A, NAT_B, (5.0,), ssrc=77)
    assert len(track(*scripts, evidence=media(stream)).unbound) == 1
    late = Packets(NAT_A, NAT_B, (500.0,), ssrc=77)
    assert len(track(scripts[0], evidence=media(late)).unbound) == 1


def test_an_ssrc_of_zero_names_nobody():
    found = track(
        answered(offer=sdp("10.0.0.1", 4000, mikey_map(0, 0))), evidence=media(Packets(NAT_A, NAT_B, (5.0,), ssrc=0))
    )
    assert len(found.unbound) == 1


VIDEO = ("m=video 4002 RTP/AVP 96", "a=mid:v", "a=rtcp-mux")


def bundled(host, port, group="a=group:BUNDLE a v", video=VIDEO, attributes=()):
    plain = sdp(host, port, "mid:a", "rtcp-mux", *attributes, more=video).decode()
    return plain.replace("t=0 0\r\n", f"t=0 0\r\n{group}\r\n").encode()


def test_bundled_lines_use_the_first_ones_address_whatever_port_they_state():
    offer = bundled("10.0.0.1", 4000)
    answer = bundled("10.0.0.2", 6000, video=("m=video 0 RTP/AVP 96", "a=mid:v", "a=bundle-only", "a=rtcp-mux"))
    streams = (
        Packets(A_RTP, B_RTP, (5.0,), ssrc=1),
        Packets(A_RTP, B_RTP, (5.0,), ssrc=2, pt=96),
        Packets(B_RTP, A_RTP, (5.0,), ssrc=3, pt=96),
    )
    audio, video = one_call(answered(offer=offer, answer=answer), media(*streams)).media
    assert ranges(audio) == [(1, 0, 1, Side.OFFERER)]
    assert sorted(ranges(video)) == [(2, 0, 1, Side.OFFERER), (3, 0, 1, Side.ANSWERER)]
    assert not video.answer.is_refused


def test_a_group_that_the_answer_does_not_have_bundles_nothing():
    offer, answer = bundled("10.0.0.1", 4000), sdp("10.0.0.2", 6000, more=("m=video 0 RTP/AVP 96",))
    audio, video = one_call(answered(offer=offer, answer=answer)).media
    assert (audio.offer.address, video.offer.address) == ("10.0.0.1:4000", "10.0.0.1:4002")
    assert video.answer.is_refused


def test_payload_types_are_those_that_the_receiver_asked_for():
    offer = bundled("10.0.0.1", 4000)
    answer = bundled("10.0.0.2", 6000, video=("m=video 6000 RTP/AVP 100", "a=mid:v", "a=rtcp-mux"))
    streams = (Packets(A_RTP, B_RTP, (5.0,), ssrc=1, pt=100), Packets(B_RTP, A_RTP, (5.0,), ssrc=2, pt=96))
    audio, video = one_call(answered(offer=offer, answer=answer), media(*streams)).media
    assert (ranges(audio), len(video.streams)) == ([], 2)


def test_mikey_tells_the_lines_of_one_port_apart():
    offer = bundled("10.0.0.1", 4000, group=f"a=group:BUNDLE a v\r\na={mikey_map(1, 2, 3, 4)}")
    streams = tuple(Packets(A_RTP, B_RTP, (5.0,), ssrc=ssrc, pt=0) for ssrc in (1, 3))
    audio, video = one_call(answered(offer=offer, answer=bundled("10.0.0.2", 6000)), media(*streams)).media
    assert (ranges(audio), ranges(video)) == ([(1, 0, 1, Side.OFFERER)], [(3, 0, 1, Side.OFFERER)])


def forked():
    """Bob describes himself at 3 s, Carol at 7 s; Carol answers at 9 s."""
    script = Script()
    invite = script.request("INVITE", 1, OFFER)
    script.response(invite, 183, ANSWER, at=3)
    script.response(invite, 183, sdp("10.0.0.3", 7000), to_tag="c", at=7)
    script.response(invite, 200, sdp("10.0.0.3", 7000), to_tag="c", at=9)
    script.ack(1, to_tag="c")
    return script


def test_early_media_from_behind_a_nat_goes_to_the_dialog_that_was_described_then():
    early, later = Packets("203.0.113.9:1", A_RTP, (4.0, 5.0), ssrc=1), Packets("203.0.113.8:1", A_RTP, (10.0,), ssrc=2)
    call = one_call(forked(), media(early, later))
    found = {line.answer.address: [each[0] for each in ranges(line)] for line in call.media}
    assert found == {"10.0.0.2:6000": [1], "10.0.0.3:7000": [2]}


def test_an_early_dialog_that_lost_without_media_is_not_told():
    call = one_call(forked(), media(Packets("10.0.0.3:7000", A_RTP, (10.0,))))
    assert [line.answer.address for line in call.media] == ["10.0.0.3:7000"]
    assert [exchange.number for exchange in call.exchanges] == [0]


def test_a_call_asked_for_by_itself_is_the_one_of_the_end():
    offer = sdp("10.0.0.1", 4000, "ice-ufrag:alices", "ssrc:9 cname:a")
    script = answered(offer=offer, answer=sdp("10.0.0.2", 6000, "ice-ufrag:bobs"))
    evidence = media(
        Packets(NAT_A, NAT_B, (5.0,), ssrc=1),
        Packets("203.0.113.7:7", B_RTP, (5.0,), ssrc=2),
        Packets("10.0.0.2:6100", "203.0.113.7:7", (5.5,), ssrc=3),
        Packets("198.51.100.1:1", "198.51.100.2:2", (5.5,), ssrc=9),
        stun=(check(NAT_A, NAT_B, "bobs", "alices"),),
    )
    tracker = CallTracker()
    for message in script.messages:
        tracker.feed(message)
    assert tracker.call("call-1", evidence) == tracker.finish(evidence).calls[0]
    assert len(tracker.call("call-1", evidence).media[0].streams) == 4


def test_hops_that_rewrite_addresses_are_told_where_media_flowed_and_those_that_rewrite_security_always():
    def relayed(inner_proto, *streams):
        script = Script()
        proxy = "10.0.0.9:5060"
        invite = script.request("INVITE", 1, OFFER, hop=(ALICE, proxy))
        onward = script.request("INVITE", 1, sdp("10.0.0.9", 7000, proto=inner_proto), hop=(proxy, BOB))
        script.response(onward, 200, sdp("10.0.0.2", 6000, proto=inner_proto))
        script.response(invite, 200, sdp("10.0.0.9", 7002))
        return [exchange.between for exchange in one_call(script, media(*streams)).exchanges]

    between = ("10.0.0.2:5060", "10.0.0.9:5060")
    assert relayed("RTP/AVP") == [None]
    assert relayed("RTP/AVP", Packets("10.0.0.9:7000", B_RTP, (8.0,))) == [None, between]
    assert relayed("RTP/SAVP") == [None, between]
