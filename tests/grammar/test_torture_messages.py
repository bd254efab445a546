# SPDX-License-Identifier: GPL-2.0-only
"""Each message of RFC 4475 and RFC 5118 with the reading it must have: no defect where it is valid, else its flaw."""

from pathlib import Path

import pytest

from dissectors.grammar.sip import build_sip, looks_like_sip, parse_sip
from dissectors.grammar.sip_inspection import inspect_sip

pytestmark = pytest.mark.captures

NONE: tuple[str, ...] = ()
# What is wrong, as code and header; the RFCs' section numbers tell where each message is discussed.
RFC_4475: dict[str, tuple[str, ...]] = {
    # §3.1.1 valid messages
    "wsinv": NONE, "intmeth": NONE, "esc01": NONE, "escnull": NONE, "esc02": NONE, "lwsdisp": NONE, "longreq": NONE,
    "dblreq": ("octets-after-body 450",), "semiuri": NONE, "transports": NONE, "mpart01": NONE, "unreason": NONE,
    "noreason": NONE,
    # §3.1.2 invalid messages
    "badinv01": (
        "empty-parameter contact", "empty-list-member via", "empty-parameter via", "empty-parameter via",
        "via-form via",
    ),
    "clerr": ("body-shorter-than-content-length 9845 missing",),
    "ncl": ("content-length-form -999",),
    "scalar02": ("cseq-too-large 36893488147419103232", "max-forwards-form max-forwards", "number-form expires"),
    "scalarlg": ("cseq-too-large 9292394834772304023312", "number-form retry-after"),
    "quotbal": ("quoted-string-without-end to",),
    "ltgtruri": ("start-line-form INVITE <sip:user@example.com> SIP/2.0", "uri-without-scheme request-uri"),
    "lwsruri": ("start-line-form INVITE sip:user@example.com; lr SIP/2.0",),
    "lwsstart": ("start-line-form INVITE  sip:user@example.com  SIP/2.0",),
    "trws": ("start-line-form OPTIONS sip:remote-target@example.com SIP/2.0  ",),
    "escruri": ("request-uri-headers request-uri",),
    "baddate": ("date-form date",),
    "regbadct": ("addr-spec-needs-brackets contact",),
    "badaspec": ("space-in-addr-spec to",),
    "baddn": ("header-section-without-end ", "display-name-not-token from", "display-name-not-token to"),
    "badvers": ("sip-version 7.0", "start-line-form OPTIONS sip:t.watson@example.org SIP/7.0"),
    "mismatch01": ("cseq-method-differs INVITE",),
    "mismatch02": ("cseq-method-differs INVITE",),
    "bigcode": ("status-out-of-range 4294967301", "start-line-form SIP/2.0 4294967301 better not break the receiver"),
    # §3.2 transaction layer
    "badbranch": ("branch-cookie-only via",),
    # §3.3 application layer
    "insuf": tuple(f"missing-header {name}" for name in ("call-id", "from", "max-forwards", "to")),
    "unkscm": ("uri-scheme-unknown request-uri",),
    "novelsc": ("uri-scheme-unknown request-uri",),
    "unksm2": ("uri-scheme-unknown to", "uri-scheme-unknown contact"),
    "bext01": ("option-tag-unknown require",) * 2 + ("option-tag-unknown proxy-require",) * 2,
    "invut": NONE,
    "regaut01": ("authentication-scheme-unknown authorization",),
    "multi01": tuple(f"repeated-header {name}" for name in ("from", "to", "call-id", "cseq", "max-forwards")),
    "mcl01": ("repeated-header content-length", "octets-after-body 54"),
    "bcast": ("via-broadcast-address via",),
    "zeromf": NONE, "cparam01": NONE, "cparam02": NONE, "regescrt": NONE, "sdp01": NONE,
    # §3.4 backward compatibility: RFC 2543 knew neither Max-Forwards nor tags that had to be there
    "inv2543": ("missing-header max-forwards", "from-tag-missing "),
}  # fmt: skip
RFC_5118: dict[str, tuple[str, ...]] = {
    "ipv6-good": NONE,
    "ipv6-bad": ("ipv6-without-brackets request-uri",),
    "port-ambiguous": NONE,
    "port-unambiguous": NONE,
    "via-received-param-with-delim": ("received-with-brackets via",),
    "via-received-param-no-delim": NONE,
    "ipv6-in-sdp": ("body-shorter-than-content-length 26 missing",),
    "mult-ip-in-header": NONE,
    "mult-ip-in-sdp": ("body-shorter-than-content-length 1 missing",),
    "ipv4-mapped-ipv6": NONE,
    "ipv6-bug-abnf-3-colons": (
        "header-section-without-end ", "ipv6-address-form request-uri", "ipv6-address-form to",
    ),
    "ipv6-correct-abnf-2-colons": ("header-section-without-end ",),
}  # fmt: skip


def reading(data: bytes) -> tuple[str, ...]:
    """Code and place, or what the defect says where it speaks of no header."""
    message = parse_sip(data)
    names = {header.name.lower() for header in message.headers} | {"max-forwards", "contact"}
    shown = []
    for defect in inspect_sip(message):
        place, colon, _ = defect.detail.partition(": ")
        shown.append(
            f"{defect.code} {place if colon and (place in names or place == 'request-uri') else defect.detail}"
        )
    return tuple(shown)


@pytest.mark.parametrize("name", RFC_4475)
def test_rfc_4475(captures: Path, name: str) -> None:
    data = (captures / "public" / "rfc4475-torture" / f"{name}.dat").read_bytes()
    assert looks_like_sip(data)
    assert sorted(reading(data)) == sorted(RFC_4475[name])
    assert build_sip(parse_sip(data)) == data


@pytest.mark.parametrize("name", RFC_5118)
def test_rfc_5118(captures: Path, name: str) -> None:
    data = (captures / "public" / "rfc5118-torture" / name).read_bytes()
    assert sorted(reading(data)) == sorted(RFC_5118[name])
    assert build_sip(parse_sip(data)) == data


def test_none_is_forgotten(captures: Path) -> None:
    found = {path.stem for path in (captures / "public" / "rfc4475-torture").iterdir()}
    assert found == set(RFC_4475) | {"test"}  # a draft's message, whose request line has no version
    assert {path.name for path in (captures / "public" / "rfc5118-torture").iterdir()} == set(RFC_5118)
