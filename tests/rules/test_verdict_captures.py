# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts on calls between real phones, against what their configuration and keys say."""

from pathlib import Path

import pytest

from analyzer.api import audit
from analyzer.model.negotiation import Choice

CM_80, CM_32 = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"

CASES = [
    ("peers/baresip/udp_sdes_cm80_mand.pcap", "conform", (), Choice("SDES", CM_80)),
    ("peers/baresip/udp_sdes_cm32_mand.pcap", "conform", (), Choice("SDES", CM_32)),
    ("peers/baresip/tcp_sdes_cm80_mand.pcap", "conform", (), Choice("SDES", CM_80)),
    ("peers/baresip/udp_plain_pcmu.pcap", "unprotected", ("clear-media", "plain-profile"), Choice(None, None)),
    ("peers/baresip/udp_sdes_opt_vs_plain.pcap", "unprotected", ("clear-media", "plain-profile"), Choice(None, None)),
    ("peers/baresip/udp_sdes_mand_rejected.pcap", "no-media", ("rejected",), Choice(None, None)),
    (
        "peers/baresip/udp_dtls_srtp.pcap",
        "conform",
        ("wire-not-proved", "order-not-binding"),
        Choice("DTLS-SRTP", CM_80),
    ),
    ("peers/linphone/zrtp.pcap", "conform", ("wire-not-proved",), Choice("ZRTP", CM_80)),
    ("peers/linphone/sdes_80.pcap", "conform", (), Choice("SDES", CM_80)),
]


@pytest.mark.captures
@pytest.mark.parametrize(("name", "verdict", "reasons", "chosen"), CASES, ids=[Path(case[0]).stem for case in CASES])
def test_verdict_of_a_real_call(captures, name, verdict, reasons, chosen) -> None:
    report = audit([captures / name])
    media = [one for call in report.calls for one in call.media]
    assert [(one.verdict, one.reasons, one.negotiation.chosen) for one in media] == [(verdict, reasons, chosen)]
