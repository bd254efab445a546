# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY error messages that refuse an offer in no session description: KeyMgmt of RTSP, a body of its own in SIP."""

import base64

import pytest

from analyzer.keying.mikey_refusals import read_refusal
from analyzer.model.call import Exchange, Party, Resolution, SdpBody
from analyzer.model.evidence import SignallingMessage
from analyzer.negotiation.carriers.mikey_error import suites_of
from analyzer.negotiation.knowledge import build_observations
from dissectors.grammar.sdp import parse_sdp
from dissectors.grammar.sip import make_sip
from pcaps.keying import CM_32, F8_80, PskExchange
from tests.calls.test_rtsp_sessions import BARE, BASE, KEYED, Talk, key_mgmt
from tests.cli.command_line import sdp

ERROR = PskExchange("refused").error((CM_32, F8_80))
HEADER = f'prot=mikey;uri="";data="{base64.b64encode(ERROR).decode()}"'
ASKED = "RTP/SAVP;unicast;client_port=5000-5001"


TRANSPORT = f'RTP/SAVP/UDP;unicast;MIKEY="{base64.b64encode(ERROR).decode()}"'


def refused(description: str, **headers: str) -> Talk:
    talk = Talk()
    talk.describe(description)
    talk.ask("SETUP", f"{BASE}/trackID=1", Transport=ASKED, KeyMgmt=key_mgmt())
    talk.reply(463, **headers)
    return talk


SAID = (({"KeyMgmt": HEADER}, [CM_32, F8_80]), ({"Transport": TRANSPORT}, [CM_32, F8_80]), ({"Transport": ASKED}, []))


@pytest.mark.parametrize(("headers", "suites"), [*SAID, ({}, [])])
def test_a_server_says_what_it_has(headers: dict[str, str], suites: list[str]) -> None:
    call = refused(BARE, **headers).call()
    line = next(line for line in call.media if line.index == 0)
    assert line.exchange.resolution is Resolution.REJECTED
    assert [one.name for one in suites_of(read_refusal(line.exchange, 0))] == suites
    told = [one for each in build_observations([call]).values() for one in each if one.origin == "other-refusal"]
    assert bool(told) is bool(suites)


def test_the_list_of_the_server_is_not_that_of_the_client() -> None:
    """Where the server's description is the offer, 463 refuses the client's answer."""
    line = next(line for line in refused(KEYED, KeyMgmt=HEADER).call().media if line.index == 0)
    assert line.offer is not None
    assert line.offer.body.party is Party.CALLEE
    assert read_refusal(line.exchange, 0) == ()


@pytest.mark.parametrize(("body", "suites"), [(ERROR, [CM_32, F8_80]), (b"\1\0\x0b", [])])
def test_a_response_of_sip_that_is_a_mikey_message(body: bytes, suites: list[str]) -> None:
    offer = make_sip("INVITE sip:bob@example.com SIP/2.0", [("Content-Type", "application/sdp")], sdp("192.0.2.1", 4))
    final = make_sip("SIP/2.0 488 Not Acceptable Here", [("Content-Type", "application/mikey")], body)
    ends = ("192.0.2.1:5060", "192.0.2.2:5060")
    invite = SignallingMessage(0, 1, 1, *ends, "UDP", offer)
    response = SignallingMessage(0, 2, 2, *ends[::-1], "UDP", final)
    described = SdpBody(invite, parse_sdp(sdp("192.0.2.1", 4)), Party.CALLER)
    exchange = Exchange(0, described, None, Resolution.REJECTED, response, 1, None, None)
    assert [one.name for one in suites_of(read_refusal(exchange, 0))] == suites
