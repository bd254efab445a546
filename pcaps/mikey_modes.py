# SPDX-License-Identifier: GPL-2.0-only
"""A faultless call in each mode beyond RFC 3830, with the keys that verify and open it.

`mikey_dhhmac`, `mikey_rsa_r`, `mikey_ticket`, `mikey_sakke`, `mikey_ibake`; the modes of RFC 3830 are in
`mikey_two_calls` (PSK), `table_4` (PKE) and `mikey_two_dh_calls` (DH).
"""

from collections.abc import Mapping
from dataclasses import replace

from analyzer.keying.sakke import CURVE
from pcaps.calls import ALICE, BOB, Call
from pcaps.ibake_exchange import IbakeExchange
from pcaps.keying import CM_80, key_mgmt
from pcaps.media import Track
from pcaps.mode_exchanges import KMS, DhhmacExchange, LaterExchange, RsaRExchange, SakkeExchange, TicketExchange
from pcaps.psk_calls import PLAIN_EXPECTED
from pcaps.samples import NOT_APPLICABLE, PASS, Sample, psk_keys
from pcaps.signalling import Description

PACKETS = 40
CERTIFICATES = "".join(f'\n[[certificate]]\nfile = "keys/{name}_cert.pem"\n' for name in ("alice", "bob"))
DHHMAC, RSA_R = DhhmacExchange("mikey_dhhmac"), RsaRExchange("mikey_rsa_r")
TICKET, SAKKE = TicketExchange("mikey_ticket"), SakkeExchange("mikey_sakke")
IBAKE = IbakeExchange("mikey_ibake")
IBE_KEYS = "".join(
    f'[[ibe]]\nparameters = "{IBAKE.service.block.hex()}"\n'
    f'private_key = "{IBAKE.service.private_key(phone).reveal().hex()}"\nid = "{phone.uri}"\n\n'
    for phone in (ALICE, BOB)
)
NO_KEMAC = {"MKY-001": NOT_APPLICABLE, "MKY-006": NOT_APPLICABLE}


def call(name: str, exchange: LaterExchange) -> Call:
    """A call under one exchange; SAKKE is not answered."""
    answer = exchange.answer()
    return Call(
        name,
        offer=Description((key_mgmt(exchange.offer()),)),
        answer=Description((key_mgmt(answer),) if answer else ()),
        offerer=Track(exchange.context(ALICE, CM_80), PACKETS),
        answerer=Track(exchange.context(BOB, CM_80), PACKETS),
    )


def ibake_call(name: str, exchange: IbakeExchange) -> Call:
    """The first round trip in the INVITE, the second in a re-INVITE under way."""
    second = (Description((key_mgmt(message),)) for message in (exchange.second_offer(), exchange.second_answer()))
    return replace(call(name, exchange), update=(next(second), next(second)))


def sample(
    name: str, title: str, exchange: LaterExchange, method: str, keys: str, outcomes: Mapping[str, str]
) -> Sample:
    """The sample of one mode."""
    expected = replace(
        PLAIN_EXPECTED,
        chosen=(method, CM_80),
        winner=(method, CM_80),
        outcomes={**PLAIN_EXPECTED.outcomes, **outcomes},
    )
    return Sample(name, title, call(name, exchange), expected, "mikey_modes", keys=keys)


_IBAKE = sample(
    "mikey_ibake",
    "MIKEY-IBAKE: points exchanged under identity-based encryption, one exponent known",
    IBAKE,
    "MIKEY-IBAKE",
    f'{IBE_KEYS}[[dh]]\nprivate = "{IBAKE.exponent(BOB):064x}"\n',
    NO_KEMAC,
)
SAMPLES = (
    sample(
        "mikey_dhhmac",
        "MIKEY-DHHMAC: Diffie-Hellman under the MAC of a pre-shared key",
        DHHMAC,
        "MIKEY-DHHMAC",
        f'{psk_keys(DHHMAC.psk, ALICE.uri)}\n[[dh]]\nprivate = "{DHHMAC.exponent(BOB):064x}"\n',
        {**NO_KEMAC, "MKY-008": PASS},
    ),
    sample(
        "mikey_rsa_r",
        "MIKEY-RSA-R: the responder sends the keys to the initiator's certificate",
        RSA_R,
        "MIKEY-RSA-R",
        f'[[private_key]]\nfile = "keys/alice.pem"\n{CERTIFICATES}',
        {"MKY-006": NOT_APPLICABLE},
    ),
    sample(
        "mikey_ticket",
        "MIKEY-TICKET: a ticket of the KMS transferred and answered",
        TICKET,
        "MIKEY-TICKET",
        psk_keys(TICKET.ticket_key, KMS),
        {**NO_KEMAC, "MKY-007": NOT_APPLICABLE},
    ),
    sample(
        "mikey_sakke",
        "MIKEY-SAKKE: one message, encrypted and signed by identities",
        SAKKE,
        "MIKEY-SAKKE",
        f'[[sakke]]\nrsk = "{CURVE.write_point(SAKKE.receiver_key).hex()}"\n'
        f'z = "{CURVE.write_point(SAKKE.kms_public_key).hex()}"\nid = "{BOB.uri}"\n\n'
        f'[[eccsi]]\nkpak = "{SAKKE.authentication_key.hex()}"\nid = "{KMS}"\n',
        {**NO_KEMAC, "PRO-004": NOT_APPLICABLE},
    ),
    replace(
        # Until V of the last message nothing in the first round trip is authenticated (RFC 6267 §5.4).
        _IBAKE,
        call=ibake_call("mikey_ibake", IBAKE),
        expected=replace(_IBAKE.expected, exit_code=4),
    ),
)
