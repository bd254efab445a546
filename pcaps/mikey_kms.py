# SPDX-License-Identifier: GPL-2.0-only
"""Calls whose keys a listener has from the key management service: he knows what its users share with it, no more.

`mikey_ticket_requested`: Alice asks for the ticket, Bob has it resolved (RFC 6043 §4.2.1, §4.2.3).
`mikey_ticket_request_altered`: what Alice asked for was altered on its way, and the service did not look.
`mikey_ibake_requested`: both ask for their private keys (RFC 6267 §4.2.1).
"""

from dataclasses import replace

from pcaps.calls import ALICE, BOB, MILLISECOND, START_NS, Call
from pcaps.ibake_exchange import IbakeExchange
from pcaps.kms_exchange import SHARED_KEYS, PrivateKeyRequest, TicketRequest, datagrams
from pcaps.mikey_modes import NO_KEMAC, call, ibake_call, sample
from pcaps.mode_exchanges import TicketExchange
from pcaps.samples import NOT_APPLICABLE

PROGRAM = "mikey_kms"
TICKET, IBAKE = TicketExchange("mikey_ticket_requested"), IbakeExchange("mikey_ibake_requested")
ASKED_MS, RESOLVED_MS = -300, 60  # before the INVITE, and before it rings
ASKED = TicketRequest(TICKET, ALICE, START_NS + ASKED_MS * MILLISECOND)
RESOLVED = TicketRequest(TICKET, BOB, START_NS + RESOLVED_MS * MILLISECOND)
TWIN = "mikey_ticket_requested"
TICKET_OUTCOMES = {**NO_KEMAC, "MKY-007": NOT_APPLICABLE}


def altered(message: bytes) -> bytes:
    """One bit of the policy that it asks for: the last octet of the last name before V."""
    place = len(message) - 2 - 32 - 1
    return message[:place] + bytes((message[place] ^ 1,)) + message[place + 1 :]


def ticket_call(name: str, request: bytes) -> Call:
    """The call with both exchanges with the service; `request` is what arrived there."""
    asked = datagrams(ASKED_MS, ALICE, request, ASKED.response(request))
    return replace(
        call(name, TICKET), beside=(*asked, *datagrams(RESOLVED_MS, BOB, RESOLVED.request(), RESOLVED.response()))
    )


_TICKET = sample(
    TWIN,
    "MIKEY-TICKET: the ticket requested of the KMS and resolved by it, the keys that users share with it known",
    TICKET,
    "MIKEY-TICKET",
    SHARED_KEYS,
    TICKET_OUTCOMES,
)
_IBAKE = sample(
    "mikey_ibake_requested",
    "MIKEY-IBAKE: private keys requested of the KMS, the keys that users share with it and one exponent known",
    IBAKE,
    "MIKEY-IBAKE",
    f'{SHARED_KEYS}\n[[ibe]]\nparameters = "{IBAKE.service.block.hex()}"\n\n'
    f'[[dh]]\nprivate = "{IBAKE.exponent(BOB):064x}"\n',
    NO_KEMAC,
)
SAMPLES = (
    replace(
        _TICKET,
        call=ticket_call(TWIN, ASKED.request()),
        program=PROGRAM,
        expected=replace(_TICKET.expected, outside=("true",) * 4),
    ),
    replace(
        _TICKET,
        name="mikey_ticket_request_altered",
        title="MIKEY-TICKET: what was asked of the KMS was altered on its way",
        call=ticket_call("mikey_ticket_request_altered", altered(ASKED.request())),
        program=PROGRAM,
        flaw="one bit of the ticket policy in REQUEST_INIT was changed, and the KMS answered all the same",
        clause="RFC 6043 §4.2.1.2",
        twin=TWIN,
        expected=replace(_TICKET.expected, outside=("false", "true", "true", "true"), exit_code=5),
    ),
    replace(
        _IBAKE,
        call=replace(
            ibake_call("mikey_ibake_requested", IBAKE),
            beside=tuple(
                one
                for after_ms, phone in ((-400, ALICE), (-300, BOB))
                for asked in (PrivateKeyRequest(IBAKE, phone, START_NS + after_ms * MILLISECOND),)
                for one in datagrams(after_ms, phone, asked.request(), asked.response())
            ),
        ),
        program=PROGRAM,
        # Until V of the last message nothing in the first round trip is authenticated (RFC 6267 §5.4).
        expected=replace(_IBAKE.expected, outside=("true",) * 4, exit_code=4),
    ),
)
