# SPDX-License-Identifier: GPL-2.0-only
"""RTSP sessions as calls: who offers, who answers, where media goes, what is refused, left out or changed."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from analyzer.calls.tracker import CallTracker
from analyzer.model.call import Call, CallSet, CallState, Party, Resolution, Side
from analyzer.model.evidence import FrameRef, MediaEvidence, RtspSignallingMessage
from dissectors.grammar.rtsp import make_rtsp
from tests.calls.call_builders import Packets, media

CLIENT, SERVER = "192.0.2.1:40000", "198.51.100.2:554"
BASE = "rtsp://user:secret@cam.example/live"
MIKEY = base64.b64encode(bytes.fromhex("010005006802afc10100000000000000000000000a0001d38e2bb52286a201")).decode()
RSA_R = base64.b64encode(bytes.fromhex("010905006802afc101000000000000000000")).decode()
SDP = (
    "v=0\r\no=- 1 1 IN IP4 198.51.100.2\r\ns=-\r\nt=0 0\r\na=control:*\r\n"
    "m=video 0 RTP/SAVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r\na=recvonly\r\n{keys}"
    "m=audio 0 RTP/SAVP 0\r\na=control:trackID=2\r\n"
    "m=application 0 RTP/SAVP 107\r\na=control:trackID=3\r\na=sendonly\r\n"
)
KEYED = SDP.format(keys=f"a=key-mgmt:mikey {MIKEY}\r\n")
BARE = SDP.format(keys="")


@dataclass
class Talk:
    """Client and server speaking RTSP, a second after each other."""

    version: str = "1.0"
    transport: str = "TCP"
    tracker: CallTracker = field(default_factory=CallTracker)
    frame: int = 0
    cseq: int = 0

    def put(self, start: str, headers: Iterable[tuple[str, str]], body: str, source: str, destination: str) -> None:
        self.frame += 1
        message = make_rtsp(start, headers, body.encode())
        time_ns = self.frame * 10**9
        self.tracker.feed(RtspSignallingMessage(0, self.frame, time_ns, source, destination, self.transport, message))

    def ask(
        self, method: str, uri: str = BASE, body: str = "", client: str = CLIENT, server: str = SERVER, **headers: str
    ) -> None:
        self.cseq += 1
        self.put(f"{method} {uri} RTSP/{self.version}", self._fields(headers), body, client, server)

    def reply(self, status: int = 200, body: str = "", client: str = CLIENT, **headers: str) -> None:
        self.put(f"RTSP/{self.version} {status} X", self._fields(headers), body, SERVER, client)

    def _fields(self, headers: dict[str, str]) -> list[tuple[str, str]]:
        return [("CSeq", str(self.cseq)), *((name.replace("_", "-"), value) for name, value in headers.items())]

    def describe(self, sdp: str, method: str = "DESCRIBE") -> None:
        self.ask("OPTIONS")
        self.reply()
        typed = {"Content_Type": "application/sdp"}
        if method == "ANNOUNCE":
            self.ask(method, body=sdp, **typed)
            self.reply()
        else:
            self.ask(method)
            self.reply(body=sdp, Content_Base=f"{BASE}/", **typed)

    def setup(self, track: int, transport: str, settled: str | None = None, status: int = 200, **headers: str) -> None:
        self.ask("SETUP", f"{BASE}/trackID={track}", Transport=transport, **headers)
        session = {"Session": "4711;timeout=60"} if status < 300 else {}
        self.reply(status, Transport=settled or transport, **session)

    def play(self) -> None:
        self.ask("PLAY", Session="4711")
        self.reply()

    def end(self) -> None:
        self.ask("TEARDOWN", Session="4711")
        self.reply()

    def calls(self) -> CallSet:
        return self.tracker.finish(MediaEvidence())

    def call(self) -> Call:
        calls = self.calls()
        (call,) = calls.calls
        assert not calls.outside
        return call


def key_mgmt(uri: str = "", data: str = MIKEY) -> str:
    return f'prot=mikey;uri="{uri}";data="{data}"'


def test_the_description_is_the_offer_and_the_setup_the_answer() -> None:
    talk = Talk()
    talk.describe(KEYED)
    asked = "RTP/SAVP;unicast;client_port=5000-5001"
    talk.setup(1, asked, f"{asked};server_port=6000-6001;source=198.51.100.9", KeyMgmt=key_mgmt())
    talk.play()
    talk.end()
    call = talk.call()
    assert (call.protocol, call.call_id, call.caller) == ("rtsp", "4711", "192.0.2.1")
    assert call.callee == "rtsp://cam.example/live"
    assert call.state is CallState.ENDED
    assert len(call.messages) == 10
    line = next(line for line in call.media if line.index == 0)
    assert line.offer is not None
    assert line.answer is not None
    assert (line.type, line.offer.media.port, line.answer.media.proto) == ("video", 6000, "RTP/SAVP")
    assert (line.offer.body.party, line.answer.body.party) == (Party.CALLEE, Party.CALLER)
    assert (line.offer.body.message.frame, line.answer.body.message.frame) == (4, 5)
    assert (line.offer.address, line.offer.rtcp_address) == ("198.51.100.9:6000", "198.51.100.9:6001")
    assert (line.answer.address, line.answer.rtcp_address) == ("192.0.2.1:5000", "192.0.2.1:5001")
    assert (line.offer.media.direction, line.answer.media.direction) == ("sendonly", "recvonly")
    assert line.answer.media.attribute("key-mgmt") == f"mikey {MIKEY}"


def test_media_that_the_client_leaves_out_was_declined() -> None:
    talk = Talk()
    talk.describe(BARE)
    talk.setup(2, "RTP/SAVP/TCP;unicast;interleaved=2-3")
    talk.setup(3, "RTP/SAVP/TCP;unicast;interleaved=4-5")
    assert {line.index for line in talk.call().media} == {1, 2}
    talk.play()
    call = talk.call()
    found = {line.index: line for line in call.media}
    assert (found[0].exchange.resolution, found[0].answer) == (Resolution.REJECTED, None)
    audio, backchannel = found[1], found[2]
    assert audio.answer is not None
    assert audio.offer is not None
    assert (audio.answer.address, audio.answer.rtcp_address) == (f"{CLIENT}$2", f"{CLIENT}$3")
    assert audio.offer.address == f"{SERVER}$2"
    assert backchannel.answer is not None
    assert backchannel.offer is not None
    # ONVIF's backchannel: the SDP of RTSP speaks from the client's point of view (RFC 7826 Appendix D.1.5).
    assert (backchannel.offer.media.direction, backchannel.answer.media.direction) == ("recvonly", "sendonly")


def test_a_client_that_brings_the_key_is_the_offerer() -> None:
    talk = Talk()
    talk.describe(BARE)
    talk.setup(1, "RTP/SAVP;unicast;client_port=5000-5001", KeyMgmt=key_mgmt())
    talk.play()
    line = next(line for line in talk.call().media if line.index == 0)
    assert line.offer is not None
    assert line.answer is not None
    assert (line.offer.body.party, line.answer.body.party) == (Party.CALLER, Party.CALLEE)
    assert line.offer.media.attribute("key-mgmt") == f"mikey {MIKEY}"
    assert (line.offer.media.direction, line.answer.media.direction) == ("recvonly", "sendonly")


def test_rtsp_2_answers_mikey_in_transport() -> None:
    talk = Talk(version="2.0")
    talk.describe(BARE)
    asked = f'RTP/SAVP;unicast;dest_addr=":8000"/":8001";MIKEY={RSA_R}'
    settled = (
        'RTP/SAVP;unicast;dest_addr="192.0.2.1:8000"/"192.0.2.1:8001";'
        f'src_addr="198.51.100.5:9000"/"198.51.100.5:9001";ssrc=93CB001E;MIKEY={MIKEY}'
    )
    talk.setup(1, asked, settled)
    talk.play()
    line = next(line for line in talk.call().media if line.index == 0)
    assert line.offer is not None
    assert line.answer is not None
    assert line.offer.media.attribute("key-mgmt") == f"mikey {RSA_R}"
    assert line.answer.media.attribute("key-mgmt") == f"mikey {MIKEY}"
    assert (line.offer.address, line.answer.address) == ("192.0.2.1:8000", "198.51.100.5:9000")


def test_recording_turns_the_roles_round() -> None:
    talk = Talk()
    talk.describe(KEYED.replace("a=recvonly\r\n", ""), "ANNOUNCE")
    asked = "RTP/SAVP;unicast;client_port=5000-5001;mode=record"
    talk.setup(1, asked, f"{asked};server_port=6000-6001")
    talk.ask("RECORD", Session="4711")
    talk.reply()
    line = next(line for line in talk.call().media if line.index == 0)
    assert line.offer is not None
    assert line.answer is not None
    assert (line.offer.body.party, line.offer.address) == (Party.CALLER, "192.0.2.1:5000")
    assert (line.answer.address, line.answer.media.direction) == ("198.51.100.2:6000", "recvonly")


@pytest.mark.parametrize("status", [403, 461, 463])
def test_a_refused_setup_is_a_refused_offer(status: int) -> None:
    talk = Talk()
    talk.describe(KEYED)
    talk.setup(1, "RTP/SAVP;unicast;client_port=5000-5001", status=status)
    call = talk.call()
    assert call.call_id == "rtsp://cam.example/live/trackID=1"
    assert call.state is CallState.REJECTED
    (line,) = call.media
    assert (line.exchange.resolution, line.answer) == (Resolution.REJECTED, None)
    assert line.exchange.final is not None
    assert line.exchange.final.text.status == status


def test_a_challenge_is_no_refusal_and_a_weaker_second_try_is_seen() -> None:
    talk = Talk()
    talk.describe(KEYED)
    talk.setup(1, "RTP/SAVP;unicast;client_port=5000-5001", status=401)
    talk.setup(1, "RTP/SAVP;unicast;client_port=5000-5001", status=461)
    talk.setup(1, "RTP/AVP;unicast;client_port=5000-5001")
    talk.play()
    lines = [line for line in talk.call().media if line.index == 0]
    assert [line.exchange.resolution for line in lines] == [Resolution.REJECTED, Resolution.ANSWERED]
    assert lines[1].answer is not None
    assert lines[1].answer.media.proto == "RTP/AVP"


def test_messages_outside_sessions_and_a_session_joined_late() -> None:
    talk = Talk()
    talk.ask("OPTIONS")
    talk.reply()
    calls = talk.calls()
    assert (len(calls.calls), len(calls.outside)) == (0, 2)
    talk = Talk()
    talk.ask("GET_PARAMETER", Session="4711")
    talk.reply()
    call = talk.call()
    assert (call.state, call.media) == (CallState.MID_CALL, ())


def test_an_answer_for_the_whole_session_holds_for_every_setup() -> None:
    talk = Talk()
    talk.describe(BARE.replace("a=control:*\r\n", f"a=control:*\r\na=key-mgmt:mikey {MIKEY}\r\n"))
    talk.setup(1, "RTP/SAVP;unicast;client_port=5000-5001", KeyMgmt=key_mgmt(f"{BASE}/"))
    talk.setup(2, "RTP/SAVP;unicast;client_port=5002-5003", Session="4711")
    talk.play()
    answers = [line.answer for line in talk.call().media if line.answer is not None]
    assert [answer.body.session.attribute("key-mgmt") for answer in answers] == [f"mikey {MIKEY}"] * 2
    assert [answer.media.index for answer in answers] == [0, 1]


def test_a_new_key_in_a_parameter_is_a_new_exchange() -> None:
    talk = Talk()
    talk.describe(BARE)
    talk.setup(1, "RTP/SAVP/TCP;unicast;interleaved=0-1", KeyMgmt=key_mgmt())
    talk.play()
    talk.ask("SET_PARAMETER", Session="4711", body=f"mikey: {RSA_R}\r\n", Content_Type="text/parameters")
    talk.reply()
    lines = [line for line in talk.call().media if line.index == 0]
    assert [line.exchange.resolution for line in lines] == [Resolution.ANSWERED] * 2
    first, second = lines
    assert first.exchange.end_ns == second.exchange.answered_ns
    assert second.offer is not None
    assert second.answer is not None
    assert second.offer.media.attribute("key-mgmt") == f"mikey {RSA_R}"
    assert second.answer.address == f"{SERVER}$0"


def test_pipelined_setups_find_their_responses() -> None:
    talk = Talk(version="2.0")
    talk.describe(BARE)
    for track, channels in ((1, "0-1"), (2, "2-3")):
        talk.ask("SETUP", f"{BASE}/trackID={track}", Transport=f"RTP/SAVP/TCP;unicast;interleaved={channels}")
    talk.ask("PLAY")
    talk.cseq -= 3
    for channels in ("0-1", "2-3"):
        talk.cseq += 1
        talk.reply(Transport=f"RTP/SAVP/TCP;unicast;interleaved={channels}", Session="4711")
    talk.cseq += 1
    talk.reply(Session="4711")
    assert sum(line.answer is not None for line in talk.call().media) == 2


def test_a_description_from_another_connection() -> None:
    talk = Talk()
    talk.describe(KEYED)
    other = "192.0.2.1:40001"
    talk.ask("SETUP", f"{BASE}/trackID=1", client=other, Transport="RTP/SAVP;unicast;client_port=5000-5001")
    talk.reply(client=other, Transport="RTP/SAVP;unicast;client_port=5000-5001", Session="4711")
    calls = talk.calls()
    (call,) = calls.calls
    assert len(calls.outside) == 4
    assert call.media[0].offer is not None


def test_copies_over_udp_are_retransmissions() -> None:
    talk = Talk(transport="UDP")
    talk.describe(KEYED)
    talk.setup(1, "RTP/SAVP;unicast;client_port=5000-5001")
    talk.put("PLAY rtsp://x/ RTSP/1.0", [("CSeq", "9"), ("Session", "4711")], "", CLIENT, SERVER)
    talk.put("PLAY rtsp://x/ RTSP/1.0", [("CSeq", "9"), ("Session", "4711")], "", CLIENT, SERVER)
    assert [message.retransmission_of for message in talk.call().messages][-2:] == [None, FrameRef(0, 7)]


def test_sessions_are_told_once_when_they_end() -> None:
    talk = Talk()
    talk.describe(KEYED)
    talk.setup(1, "RTP/SAVP;unicast;client_port=5000-5001")
    talk.end()
    (name,) = talk.tracker.ended()
    assert talk.tracker.call(name, MediaEvidence()).state is CallState.ENDED
    assert talk.tracker.ended() == ()


@pytest.mark.parametrize(("lost", "resolution"), [(0, Resolution.REJECTED), (1, Resolution.UNANSWERED)])
@pytest.mark.parametrize("place", [0, 1])
def test_a_setup_that_was_not_captured_may_have_been_of_any_medium(
    lost: int, resolution: Resolution, place: int
) -> None:
    talk = Talk()
    talk.describe(BARE)
    talk.cseq += lost if place == 0 else 0
    talk.setup(2, "RTP/SAVP/TCP;unicast;interleaved=2-3")
    talk.cseq += lost if place == 1 else 0
    talk.play()
    talk.cseq += 1  # says nothing of what was set up before
    talk.end()
    found = {line.index: line.exchange for line in talk.call().media}
    assert [found[index].resolution for index in (0, 1, 2)] == [resolution, Resolution.ANSWERED, resolution]
    assert all((found[index].final is None) == bool(lost) for index in (0, 2))


def test_a_client_that_sends_to_its_own_group_is_not_the_server() -> None:
    """GStreamer's client sends octets out of its hat to the group, and receiver reports; other clients do as well."""
    group, server, client, other = "224.3.0.1", "198.51.100.2", "192.0.2.1", "192.0.2.77"
    talk = Talk()
    talk.describe(KEYED)
    settled = f"RTP/SAVP;multicast;destination={group};ttl=16;port=5000-5001"
    talk.setup(1, "RTP/SAVP;multicast", settled, KeyMgmt=key_mgmt())
    talk.play()
    seconds = (6.5, 6.6, 6.7, 6.8)
    sent = Packets(f"{server}:5000", f"{group}:5000", seconds, ssrc=7)
    thrown = Packets(f"{client}:5000", f"{group}:5000", (6.4,), ssrc=8)
    reports = [
        Packets(f"{host}:5001", f"{group}:5001", (7.0,), payloads=(b"\x81\xc9\0\x07" + ssrc.to_bytes(4, "big"),))
        for host, ssrc in ((server, 7), (client, 9), (other, 10))
    ]
    calls = talk.tracker.finish(media(sent, thrown, rtcp=reports))
    line = next(line for line in calls.calls[0].media if line.index == 0)
    (stream,) = line.streams
    assert (stream.stream.ssrc, stream.sent_by) == (7, Side.OFFERER)
    assert [one.flow.source for one in stream.rtcp] == [f"{server}:5001"]
    assert [one.flow.source for one in line.lone_rtcp] == [f"{client}:5001"]
    assert [one.stream.ssrc for one in calls.unbound] == [8]


def test_blanks_before_a_control_uri_are_none_of_it() -> None:
    """As the examples of RFC 7826 have them (§20.3, Appendix A)."""
    talk = Talk(version="2.0")
    talk.describe(KEYED.replace("a=control:", "a=control: "))
    talk.setup(2, 'RTP/SAVP;unicast;dest_addr=":5000"/":5001"')
    talk.play()
    found = {line.index: line.type for line in talk.call().media if line.answer is not None}
    assert found == {1: "audio"}
