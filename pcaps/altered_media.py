# SPDX-License-Identifier: GPL-2.0-only
"""Packets are altered on the way, and their tags don't verify any more (RFC 3711 §3.3, §4.2).

A MIKEY-PSK call. `altered_media`: one octet of every fifth packet from Bob is changed. `altered_media_few`: of one
packet in 150, which is less than a path may do by itself and changes no verdict. `altered_media_twin`: none.
"""

from dataclasses import replace

from pcaps.calls import Call
from pcaps.keying import CM_80, PskExchange
from pcaps.psk_calls import KEYS, PLAIN_EXPECTED, psk_call, tracks
from pcaps.samples import FAIL, UNKNOWN, Sample

PLACE = 40


def alter(packet: bytes) -> bytes:
    """The packet with one octet of its payload changed."""
    return packet[:PLACE] + bytes([packet[PLACE] ^ 0xFF]) + packet[PLACE + 1 :]


def every_fifth(number: int, packet: bytes) -> bytes:
    """Alters packets 4, 9, 14, …"""
    return alter(packet) if number % 5 == 4 else packet


def only_one(number: int, packet: bytes) -> bytes:
    """Alters packet 70."""
    return alter(packet) if number == 70 else packet


def few_altered(name: str) -> Call:
    """The call of 150 packets each way, one of which is altered."""
    offerer, answerer = tracks(PskExchange(name), CM_80, 150, only_one)
    return replace(psk_call(name), offerer=offerer, answerer=answerer)


def many_altered(name: str) -> Call:
    """The call of which every fifth packet from Bob is altered."""
    offerer, answerer = tracks(PskExchange(name), CM_80, tamper=every_fifth)
    return replace(psk_call(name), offerer=offerer, answerer=answerer)


SAMPLES = (
    Sample(
        "altered_media",
        "Every fifth packet of one direction is altered",
        many_altered("altered_media"),
        replace(
            PLAIN_EXPECTED,
            verdict="mismatch",
            reasons=("wire-contradicts",),
            wire=("proved", "contradicting"),
            outcomes={**PLAIN_EXPECTED.outcomes, "PRO-001": UNKNOWN, "SRT-003": FAIL, "SRT-009": UNKNOWN},
            missing={"PRO-001": "wire", "SRT-009": "usable-key"},
            exit_code=5,
        ),
        "altered_media",
        flaw="12 of 60 packets from Bob do not verify",
        clause="RFC 3711 §3.3",
        twin="altered_media_twin",
        keys=KEYS,
    ),
    Sample(
        "altered_media_few",
        "One packet of 150 is altered",
        few_altered("altered_media"),
        replace(
            PLAIN_EXPECTED,
            outcomes={**PLAIN_EXPECTED.outcomes, "SRT-003": FAIL, "SRT-009": UNKNOWN},
            missing={"SRT-009": "usable-key"},
            exit_code=5,
        ),
        "altered_media",
        flaw="1 of 150 packets from Bob does not verify",
        clause="RFC 3711 §3.3",
        twin="altered_media_twin",
        keys=KEYS,
    ),
    Sample(
        "altered_media_twin",
        "Every packet arrives as it was sent",
        psk_call("altered_media"),
        PLAIN_EXPECTED,
        "altered_media",
        keys=KEYS,
    ),
)
