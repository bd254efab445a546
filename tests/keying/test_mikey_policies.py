# SPDX-License-Identifier: GPL-2.0-only
"""What a MIKEY security policy asks of SRTP, down to the packets: tag lengths, key derivation, carried counters."""

from pathlib import Path
from typing import Any

import pytest

from analyzer.model.evidence import Wire
from analyzer.srtp.context import RccMode, SrtpContext, StreamKey
from analyzer.srtp.suites import suite_by_name
from analyzer.srtp.transform import protect_rtp
from dissectors.grammar.mikey import KeyData, PolicyParameter, SecurityPolicy
from dissectors.grammar.mikey.registries import SrtpAuthentication, SrtpEncryption, SrtpParameter
from dissectors.grammar.secret import Secret
from tests.cli.command_line import A_RTP, B_RTP
from tests.keying.test_calls_with_keys import A_SSRC, audited, mikey_call, only, rtp
from tests.keying.test_mikey_psk import message_with

JOINED = bytes(range(100, 130))


def policy(**numbers: int) -> SecurityPolicy:
    return SecurityPolicy(
        0,
        0,
        tuple(PolicyParameter(int(SrtpParameter[name]), bytes((number,))) for name, number in numbers.items()),
    )


def context(suite_name: str, **parameters: Any) -> SrtpContext:
    suite = suite_by_name(suite_name)
    assert suite is not None
    salt = JOINED[suite.key_octets : suite.inline_octets]
    return SrtpContext(suite, (StreamKey(Secret(JOINED[: suite.key_octets]), Secret(salt)),), **parameters)


CM_80, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"
CASES = [
    (policy(KEY_DERIVATION_RATE=16), context(CM_80, kdr=16), 0, ""),
    (policy(KEY_DERIVATION_RATE=5), context(CM_80, kdr=32), 0, "a key derivation rate of 2^5, not 5"),
    (policy(SRTP_AUTH_TAG_LENGTH=8), context(CM_80, srtp_tag=8), 0, ""),
    (
        policy(SRTP_AUTH_ALGORITHM=SrtpAuthentication.RCCM2, SRTP_AUTH_TAG_LENGTH=14, ROC_TRANSMISSION_RATE=4),
        context(CM_80, srtp_tag=14, rcc_mode=RccMode.MODE_2, rcc_rate=4),
        700_000,
        "",
    ),
    (
        policy(
            ENCRYPTION_ALGORITHM=SrtpEncryption.AES_GCM,
            SRTP_AUTH_ALGORITHM=SrtpAuthentication.RCCM3,
            SESSION_SALT_KEY_LENGTH=12,
        ),
        context(GCM, rcc_mode=RccMode.MODE_3),
        700_000,
        "",
    ),
    (
        policy(ENCRYPTION_ALGORITHM=SrtpEncryption.AES_GCM, AEAD_TAG_LENGTH=8, SESSION_SALT_KEY_LENGTH=12),
        context("AEAD_AES_128_GCM_8"),
        0,
        "",
    ),
]


@pytest.mark.parametrize(("asked", "used", "roc", "reason"), CASES)
def test_what_a_policy_asks_for_opens(
    tmp_path: Path, asked: SecurityPolicy, used: SrtpContext, roc: int, reason: str
) -> None:
    octets, _ = message_with([KeyData(2, Secret(JOINED[: used.suite.inline_octets]))], policy=asked)
    media = [(A_RTP, B_RTP, protect_rtp(rtp(number, A_SSRC), used, roc)) for number in range(120)]
    (stream,) = only(audited(tmp_path, mikey_call(octets.hex(), None, media))).streams
    assert (stream.authenticated, stream.failed, stream.wire) == (120, 0, Wire.PROVED)
    assert reason in stream.reason
    assert bool(stream.reason) is bool(reason)


def test_a_policy_without_authentication_is_decrypted_and_proves_nothing(tmp_path: Path) -> None:
    octets, _ = message_with([KeyData(2, Secret(JOINED))], policy=policy(SRTP_AUTH_ALGORITHM=SrtpAuthentication.NULL))
    used = context(CM_80, authenticated=False)
    media = [(A_RTP, B_RTP, protect_rtp(rtp(number, A_SSRC), used)) for number in range(120)]
    (stream,) = only(audited(tmp_path, mikey_call(octets.hex(), None, media))).streams
    assert (stream.authenticated, stream.decrypted, stream.failed) == (0, 120, 0)


def test_an_authentication_that_nobody_registered(tmp_path: Path) -> None:
    octets, _ = message_with([KeyData(2, Secret(JOINED))], policy=policy(SRTP_AUTH_ALGORITHM=99))
    media = [(A_RTP, B_RTP, protect_rtp(rtp(number, A_SSRC), context(CM_80))) for number in range(120)]
    (stream,) = only(audited(tmp_path, mikey_call(octets.hex(), None, media))).streams
    assert stream.authenticated == 120
