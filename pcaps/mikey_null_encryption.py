# SPDX-License-Identifier: GPL-2.0-only
"""A MIKEY-PSK call whose key data is not encrypted.

`mikey_null_encryption`: KEMAC has the NULL algorithm, so the keys can be read in the SDP (RFC 3830 §4.2.3); the MAC is
right. `mikey_null_encryption_twin`: AES-CM-128.
"""

from dataclasses import replace

from pcaps.calls import Call
from pcaps.keying import PskExchange, key_mgmt, sdp_ids
from pcaps.psk_calls import KEYS, PLAIN_EXPECTED, psk_call
from pcaps.samples import FAIL, NOT_APPLICABLE, Sample
from pcaps.signalling import Description


def call(name: str) -> Call:
    """The call with readable key data."""
    offer = PskExchange(name).offer([sdp_ids(1)], encrypt=False)
    return replace(psk_call(name), offer=Description((key_mgmt(offer),)))


SAMPLES = (
    Sample(
        "mikey_null_encryption",
        "MIKEY keys that anyone can read",
        call("mikey_null_encryption"),
        replace(
            PLAIN_EXPECTED,
            outcomes={**PLAIN_EXPECTED.outcomes, "MKY-001": FAIL, "MKY-006": NOT_APPLICABLE},
            exit_code=5,
        ),
        "mikey_null_encryption",
        flaw="the key encryption is NULL",
        clause="RFC 3830 §4.2.3",
        twin="mikey_null_encryption_twin",
        keys=KEYS,
    ),
    Sample(
        "mikey_null_encryption_twin",
        "MIKEY keys encrypted with AES-CM-128",
        psk_call("mikey_null_encryption"),
        PLAIN_EXPECTED,
        "mikey_null_encryption",
        keys=KEYS,
    ),
)
