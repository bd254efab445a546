# SPDX-License-Identifier: GPL-2.0-only
"""What a man in the middle could have changed unseen, carrier by carrier."""

from dataclasses import replace

import pytest
from scenes import CM_32, CM_80, F8, POLICY, Scene, crypto, message, session, table_4

from analyzer.model.call import Side
from analyzer.model.negotiation import CapabilityKind, Carrier, Choice, Sight
from analyzer.negotiation.knowledge import Knowledge
from analyzer.negotiation.negotiate import negotiate
from dissectors.grammar.mikey.priority_extension import Owner

UNSEEN, NOTICED, UNKNOWN = Sight.UNSEEN, Sight.NOTICED, Sight.UNKNOWN
LIST = table_4(Owner.INITIATOR)
BOTH = (CM_80, CM_32)


def offer(*lines: str, mac: bool | None = True) -> Scene:
    return Scene(session(*lines), None, mac)


def sights(scene: Scene, carrier: Carrier, side: Side = Side.OFFERER) -> set[tuple[Sight, Sight, Sight]]:
    exposures = scene.negotiate().exposures
    return {(one.remove, one.reorder, one.insert) for one in exposures if (one.carrier, one.side) == (carrier, side)}


def modes(*, listed: bool = False, ids: bool = False, last_listed: bool = True) -> list[str]:
    """Lines of PSK and PKE; `last_listed` is False where the second has no list."""
    names = "mikey;mikey" if ids else None
    return [
        message(kind, BOTH, listed=LIST if listed and (last_listed or kind == 0) else (), ids=names) for kind in (0, 2)
    ]


@pytest.mark.parametrize("mac", [True, None, False])
def test_lines_without_any_list_are_open(mac) -> None:
    assert sights(offer(*modes(), mac=mac), Carrier.KEY_MGMT_ORDER) == {(UNSEEN, UNSEEN, UNSEEN)}


@pytest.mark.parametrize("mac", [True, None, False])
def test_counted_lines_of_one_protocol_can_change_as_long_as_the_count_is_right(mac) -> None:
    """A copy of one in the place of another is no change to who only counts; the auditor itself compares them."""
    scene = offer(*modes(ids=True), mac=mac)
    assert sights(scene, Carrier.KEY_MGMT_ORDER) == {(UNSEEN, UNSEEN, UNSEEN)}
    (explanation,) = {one.explanation for one in scene.negotiate().exposures if one.carrier is Carrier.KEY_MGMT_ORDER}
    assert ("copy" in explanation) is (mac is not False)
    copied = offer(*[modes(ids=True)[0]] * 2, mac=mac)
    assert "offer-stripped" in copied.negotiate().reasons


@pytest.mark.parametrize(("mac", "sight"), [(True, NOTICED), (None, UNKNOWN), (False, UNSEEN)])
def test_one_counted_line_is_as_safe_as_its_message(mac, sight) -> None:
    assert sights(offer(message(0, BOTH, ids="mikey"), mac=mac), Carrier.KEY_MGMT_ORDER) == {(sight,) * 3}


def test_a_count_in_one_message_alone_can_be_left_out() -> None:
    lines = (message(0, BOTH, ids="mikey;other"), message(2, BOTH))
    assert sights(offer(*lines), Carrier.KEY_MGMT_ORDER) == {(UNSEEN, UNSEEN, UNSEEN)}


@pytest.mark.parametrize(("mac", "sight"), [(True, NOTICED), (None, UNKNOWN), (False, UNSEEN)])
def test_a_list_in_every_message_closes_lines_and_list(mac, sight) -> None:
    scene = offer(*modes(listed=True, ids=True), mac=mac)
    assert sights(scene, Carrier.KEY_MGMT_ORDER) == sights(scene, Carrier.PRIORITY_EXTENSION) == {(sight,) * 3}


def test_a_list_in_one_message_alone_can_be_left_out() -> None:
    scene = offer(*modes(listed=True, last_listed=False))
    assert sights(scene, Carrier.PRIORITY_EXTENSION) == {(UNSEEN, NOTICED, NOTICED)}


def test_policies_are_as_safe_as_their_message() -> None:
    assert sights(offer(message(0, BOTH)), Carrier.SP_ORDER) == {(NOTICED,) * 3}
    assert sights(offer(message(0, BOTH), mac=False), Carrier.SP_ORDER) == {(UNSEEN,) * 3}


def test_an_error_without_verification_can_be_forged() -> None:
    scene = Scene(session(message(0, BOTH)), session(message(6, (CM_32, F8))), mac=False)
    assert sights(scene, Carrier.MIKEY_ERROR, Side.ANSWERER) == {(UNSEEN,) * 3}


@pytest.mark.parametrize(
    ("lines", "carrier"),
    [
        ((crypto(1, CM_80), crypto(2, CM_32)), Carrier.SDES_ORDER),
        (("fingerprint:sha-256 00:11",), Carrier.FINGERPRINT),
        (("zrtp-hash:1.10 00",), Carrier.ZRTP_HASH),
        ((f"{message(0, BOTH)} PSK=0",), Carrier.FREE_TEXT),
        ((f"acap:1 {message(0, BOTH)}", "tcap:1 RTP/SAVP", "pcfg:1 t=1 a=1"), Carrier.SDPCAPNEG),
    ],
)
def test_nothing_in_sdp_is_protected(lines, carrier) -> None:
    assert sights(offer(*lines), carrier) == {(UNSEEN,) * 3}


def test_the_weakest_that_can_be_reached_unseen() -> None:
    scene = Scene(session(crypto(1, CM_80), crypto(2, CM_32)), session(crypto(1, CM_80)))
    assert scene.negotiate().weakest == Choice(None, CM_32)
    assert Scene(session(crypto(1, CM_80)), session(crypto(1, CM_80))).negotiate().weakest is None
    assert offer(*modes(listed=True)).negotiate().weakest is None
    assert offer(*modes()).negotiate().weakest == Choice("MIKEY-PSK", None)


def test_an_encrypted_hop_leaves_only_its_ends() -> None:
    scene = Scene(session(crypto(1, CM_80), crypto(2, CM_32)), session(crypto(1, CM_80)))
    line = scene.line
    body = line.offer.body
    secret = line.offer._replace(body=body._replace(message=body.message._replace(transport="TLS")))
    found = negotiate(replace(line, offer=secret), scene.keying, POLICY, Knowledge(), scene.call)
    assert {one.hop_protected for one in found.exposures if one.kind is CapabilityKind.SUITE} == {True}
    assert found.weakest is None
