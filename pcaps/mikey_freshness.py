# SPDX-License-Identifier: GPL-2.0-only
"""Two calls between Alice and Bob, ten minutes apart, whose MIKEY messages share what must never come twice.

`mikey_two_calls` (PSK) and `mikey_two_dh_calls` (DH) have no flaw: CSB ID, RAND, T, keys and values are new each time.

`mikey_replayed`: the second call offers the message of the first again, octet for octet, and Bob takes it.
`mikey_timestamp_reused`: the second message has the first one's T; all else is new.
`mikey_keystream_reused`: a phone whose clock stands still and whose random numbers repeat sends another TGK under the
CSB ID, RAND and T of the first call, so that the exclusive or of both cipher texts is that of both keys.
`mikey_rand_reused`: the second bundle has the RAND of the first. `mikey_csb_id_reused`: it has its CSB ID.
`mikey_dh_value_reused`: Alice uses one exponent for both calls. `mikey_clock_wrong`: her clock is two days slow.
"""

from collections.abc import Callable
from dataclasses import replace

from pcaps.calls import ALICE, BOB, START_NS, Call
from pcaps.keying import CM_80, DhExchange, Exchange, PskExchange, fixed, key_mgmt, ntp_time, sdp_ids
from pcaps.media import Track
from pcaps.psk_calls import KEYS, PLAIN_EXPECTED
from pcaps.samples import FAIL, NOT_APPLICABLE, PASS, Expected, Outcomes, Sample
from pcaps.signalling import Description
from pcaps.table_4 import KEY_FILES

EARLIER_NS = START_NS - 600 * 1_000_000_000
TWO_DAYS_NS = 2 * 86_400 * 1_000_000_000
OLD_ALICE, OLD_BOB = replace(ALICE, rtp_port=49180), replace(BOB, rtp_port=51382)
PACKETS = 30
DH_EXPECTED = replace(
    PLAIN_EXPECTED,
    chosen=("MIKEY-DH", CM_80),
    winner=("MIKEY-DH", CM_80),
    outcomes={**PLAIN_EXPECTED.outcomes, "MKY-001": NOT_APPLICABLE, "MKY-006": NOT_APPLICABLE, "MKY-008": PASS},
)


class OtherTgk(PskExchange):
    """The same bundle as before under another key."""

    @property
    def tgk(self) -> bytes:
        """Another TGK."""
        return fixed(f"{self.name} another TGK")


class OldExponent(DhExchange):
    """A phone that keeps its exponent."""

    def __init__(self, name: str, kept_from: DhExchange) -> None:
        super().__init__(name)
        self._kept_from = kept_from

    def exponent(self, phone: object) -> int:
        """Alice's is that of the other call."""
        return self._kept_from.exponent(ALICE) if phone == ALICE else super().exponent(BOB)


def call(name: str, exchange: Exchange, *, earlier: bool = False) -> Call:
    """A call under one exchange, the earlier one on other ports."""
    caller, callee = (OLD_ALICE, OLD_BOB) if earlier else (ALICE, BOB)
    return Call(
        name,
        offer=Description((key_mgmt(exchange.offer([sdp_ids(1)])),)),
        answer=Description((key_mgmt(exchange.answer()),)),
        offerer=Track(exchange.context(exchange.caller, CM_80), PACKETS),
        answerer=Track(exchange.context(exchange.callee, CM_80), PACKETS),
        caller=caller,
        callee=callee,
        start_ns=EARLIER_NS if earlier else START_NS,
    )


def first_psk(name: str) -> PskExchange:
    """The exchange of the earlier call."""
    return PskExchange(f"{name} 1", start_ns=EARLIER_NS)


def sample(
    name: str,
    title: str,
    exchanges: tuple[Exchange, Exchange],
    changed: Outcomes,
    flaw: str = "",
    clause: str = "",
    expected: Expected = PLAIN_EXPECTED,
) -> Sample:
    """Two calls; the flaw is the second one's."""
    first, second = exchanges
    is_dh = isinstance(second, DhExchange)
    keys = KEYS + KEY_FILES + "\n\n".join(("", *map(exponent_entry, exchanges))) if is_dh else KEYS
    return Sample(
        name,
        title,
        call(name, second),
        replace(expected, outcomes={**expected.outcomes, **changed}, exit_code=5 if changed else 0),
        "mikey_freshness",
        flaw=flaw,
        clause=clause,
        twin=("mikey_two_dh_calls" if is_dh else "mikey_two_calls") if flaw else "",
        keys=keys,
        earlier=(call(f"{name}-1", first, earlier=True),),
    )


def exponent_entry(exchange: Exchange) -> str:
    """Bob's exponent as the key ring has it."""
    if not isinstance(exchange, DhExchange):
        raise TypeError(exchange)
    return f'[[dh]]\nprivate = "{exchange.exponent(BOB):064x}"'


def altered(
    name: str, alter: Callable[[PskExchange, PskExchange], None], cls: type[PskExchange] = PskExchange
) -> tuple[PskExchange, PskExchange]:
    """Two exchanges, the second changed by what it takes from the first."""
    first, second = first_psk(name), cls(f"{name} 2")
    alter(first, second)
    return first, second


def take(*names: str) -> Callable[[PskExchange, PskExchange], None]:
    """What the second exchange takes from the first."""

    def alter(first: PskExchange, second: PskExchange) -> None:
        for name in names:
            setattr(second, name, getattr(first, name))

    return alter


def slow_clock() -> Sample:
    """A single call whose T is two days old."""
    exchange = PskExchange("mikey_clock_wrong")
    exchange.timestamp = ntp_time(START_NS - TWO_DAYS_NS)
    return Sample(
        "mikey_clock_wrong",
        "An initiator whose clock is two days slow",
        call("mikey_clock_wrong", exchange),
        replace(PLAIN_EXPECTED, outcomes={**PLAIN_EXPECTED.outcomes, "MKY-009": FAIL}),
        "mikey_freshness",
        flaw="T is two days before the time of the capture",
        clause="RFC 3830 §5.4",
        twin="mikey_two_calls",
        keys=KEYS,
    )


REPLAYED = first_psk("mikey_replayed")
FIRST_DH = DhExchange("mikey_dh_value_reused 1", start_ns=EARLIER_NS)
SAMPLES = (
    sample("mikey_two_calls", "Two MIKEY-PSK calls, all new in each", altered("mikey_two_calls", take()), {}),
    sample(
        "mikey_two_dh_calls",
        "Two MIKEY-DH calls, all new in each",
        (DhExchange("mikey_two_dh_calls 1", start_ns=EARLIER_NS), DhExchange("mikey_two_dh_calls 2")),
        {},
        expected=DH_EXPECTED,
    ),
    sample(
        "mikey_replayed",
        "A MIKEY message that was taken ten minutes before",
        (REPLAYED, REPLAYED),
        {"MKY-004": FAIL},
        "the message is that of the earlier call, octet for octet",
        "RFC 3830 §5.4",
    ),
    sample(
        "mikey_timestamp_reused",
        "A MIKEY timestamp of an earlier call",
        altered("mikey_timestamp_reused", take("timestamp")),
        {"MKY-005": FAIL},
        "T is that of the earlier call",
        "RFC 3830 §5.2",
    ),
    sample(
        "mikey_keystream_reused",
        "Two TGKs under one keystream",
        altered("mikey_keystream_reused", take("timestamp", "csb_id", "rand"), OtherTgk),
        {"MKY-005": FAIL, "MKY-006": FAIL, "MKY-007": FAIL, "MKY-010": FAIL},
        "CSB ID, RAND and T are those of the earlier call, the TGK is another",
        "RFC 3830 §4.2.3",
    ),
    sample(
        "mikey_rand_reused",
        "A RAND of an earlier bundle",
        altered("mikey_rand_reused", take("rand")),
        {"MKY-007": FAIL},
        "RAND is that of the earlier call",
        "RFC 3830 §6.11",
    ),
    sample(
        "mikey_dh_value_reused",
        "A Diffie-Hellman value of an earlier call",
        (FIRST_DH, OldExponent("mikey_dh_value_reused 2", FIRST_DH)),
        {"MKY-008": FAIL},
        "Alice's public value is that of the earlier call",
        "RFC 3830 §3.3",
        DH_EXPECTED,
    ),
    slow_clock(),
    sample(
        "mikey_csb_id_reused",
        "A CSB ID of an earlier call",
        altered("mikey_csb_id_reused", take("csb_id")),
        {"MKY-010": FAIL},
        "the CSB ID is that of the earlier call",
        "RFC 3830 §6.1",
    ),
)
