# SPDX-License-Identifier: GPL-2.0-only
"""A call whose crypto session bundle is updated in the middle: MIKEY is executed again in a re-INVITE (RFC 3830 §4.5).

`mikey_update_with_rand`: the update brings a RAND, which only the first exchange may; both phones pass over it.
`mikey_update_with_rand_twin`: the update has a new T, no RAND and no new keys, so the media goes on under the old ones.
"""

from collections.abc import Sequence
from dataclasses import replace

from scapy.packet import Packet as Layer

from dissectors.grammar.mikey.registries import EncryptionAlgorithm, MacAlgorithm
from dissectors.grammar.secret import Secret
from dissectors.layers.mikey import MIKEY_KEMAC, MIKEY_RAND, MIKEY_T
from pcaps.calls import START_NS, Call
from pcaps.keying import MAC_OCTETS, PSK, PskExchange, key_mgmt, ntp_time, sdp_ids, stack
from pcaps.psk_calls import KEYS, PLAIN_EXPECTED, psk_call
from pcaps.samples import FAIL, NOT_APPLICABLE, PASS, Sample
from pcaps.signalling import Description

NAME = "mikey_update_with_rand"


class Update(PskExchange):
    """The second exchange of the bundle: the same CSB ID and RAND, a new T, nothing that is known already."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.timestamp = ntp_time(START_NS + 2_000_000_000)

    def offer(self, extensions: Sequence[Layer] = (), *, encrypt: bool = True) -> bytes:
        """I_MESSAGE: HDR, T, IDi, IDr, extensions, KEMAC without keys."""
        algorithm = EncryptionAlgorithm.AES_CM_128 if encrypt else EncryptionAlgorithm.NULL
        kemac = MIKEY_KEMAC(
            encryption_algorithm=algorithm,
            data=Secret(b""),
            mac_algorithm=MacAlgorithm.HMAC_SHA_1_160,
            mac=bytes(MAC_OCTETS),
        )
        identities = [self.identity(self.caller), self.identity(self.callee)]
        layers = [MIKEY_T(value=self.timestamp), *extensions, *identities, kemac]
        message = bytes(stack(self.header(PSK, 0, v=True), layers))[:-MAC_OCTETS]
        return message + self.mac(self.psk, message)


def call(name: str, extensions: Sequence[Layer]) -> Call:
    """The call with its update."""
    update = Update(name)
    second = Description((key_mgmt(update.offer([*extensions, sdp_ids(1)])),))
    return replace(psk_call(name), update=(second, Description((key_mgmt(update.answer()),))))


NO_KEYS = {"MKY-001": NOT_APPLICABLE, "MKY-006": NOT_APPLICABLE}
EXPECTED = replace(
    PLAIN_EXPECTED, outcomes={**PLAIN_EXPECTED.outcomes, **NO_KEYS, "MKY-007": NOT_APPLICABLE, "MKY-011": PASS}
)
SAMPLES = (
    Sample(
        NAME,
        "An update of a bundle that brings a RAND",
        call(NAME, [MIKEY_RAND(data=bytes(range(16)))]),
        replace(EXPECTED, outcomes={**EXPECTED.outcomes, "MKY-007": PASS, "MKY-011": FAIL}, exit_code=5),
        "mikey_update",
        flaw="the update carries a RAND",
        clause="RFC 3830 §4.5",
        twin=f"{NAME}_twin",
        keys=KEYS,
    ),
    Sample(
        f"{NAME}_twin",
        "An update of a bundle as it should be",
        call(NAME, []),
        EXPECTED,
        "mikey_update",
        keys=KEYS,
    ),
)
