# SPDX-License-Identifier: GPL-2.0-only
"""Extensions' headers, read as the examples of their RFCs have them."""

import base64
import json

import pytest

from dissectors.grammar.passport import MediaKey, parse_identity
from dissectors.grammar.sip import make_sip
from dissectors.grammar.sip_extensions import (
    HistoryEntry,
    LegId,
    RAck,
    Reason,
    Replaces,
    SessionTimer,
    asserted_aors,
    leg_ids,
    parse_history_info,
    parse_rack,
    parse_reasons,
    parse_refer_to,
    parse_replaces,
    parse_security_mechanisms,
    parse_session_expires,
    supports,
)
from dissectors.grammar.sip_uri import parse_sip_uri

# RFC 8225 §9 (figure 3): header and claims with `mky`; the signature is not looked at here.
MKY_CLAIMS = {
    "dest": {"uri": ["sip:bob@example.com"]},
    "iat": 1443208345,
    "mky": [
        {
            "alg": "sha-256",
            "dig": "021ACC5427ABEB9C533F3E4B652E7D463F5442CD54F17A03A27DF9B07F4619B2",
        }
    ],
    "orig": {"uri": "sip:alice@example.com"},
}


def base64url(value):
    octets = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def passport(claims, header=None):
    header = header or {"alg": "ES256", "typ": "passport", "x5u": "https://cert.example.org/passport.cer"}
    return f"{base64url(header)}.{base64url(claims)}.{base64url(b'signature')}"


def request(*headers):
    return make_sip("INVITE sip:a@example.com SIP/2.0", headers)


def test_prack_and_session_timer():
    assert parse_rack("776656 1 INVITE") == RAck(776656, 1, "INVITE")  # RFC 3262 §7.2
    assert parse_rack("776656 INVITE") is None
    assert parse_session_expires("4000;refresher=UAC") == SessionTimer(4000, "uac")  # RFC 4028 §4
    assert parse_session_expires("90") == SessionTimer(90, None)
    assert parse_session_expires("soon") is None
    assert supports(request(("k", "timer, 100rel"), ("Require", "sec-agree")), "100rel")
    assert supports(request(("Require", "sec-agree")), "sec-agree")
    assert not supports(request(("Supported", "timer")), "100rel")


def test_replaces():
    value = "425928@bobster.example.org;to-tag=7743;from-tag=6472"  # RFC 3891 §6.1
    assert parse_replaces(value) == Replaces("425928@bobster.example.org", "7743", "6472", early_only=False)
    assert parse_replaces(f"{value};early-only").early_only
    assert parse_replaces(";to-tag=1") is None


def test_refer_to_with_an_escaped_replaces():
    # RFC 5359 §2.5 F11.
    value = (
        "<sips:carol@chicago.example.com?Replaces=12adf2f34456gs5%3Bto-tag%3D1234%3Bfrom-tag%3D23431&Require=replaces>"
    )
    target = parse_refer_to(value)
    assert target.uri == "sips:carol@chicago.example.com"
    assert target.replaces == Replaces("12adf2f34456gs5", "1234", "23431", early_only=False)
    assert parse_refer_to("<sip:c@example.com>").replaces is None
    assert parse_refer_to("") is None


def test_reasons_and_history():
    values = ('SIP;cause=200;text="Call completed elsewhere", Q.850;cause=16;text="Terminated"',)  # RFC 3326 §2
    assert parse_reasons(values) == (Reason("SIP", 200, "Call completed elsewhere"), Reason("Q.850", 16, "Terminated"))
    # RFC 7044 §5.
    history = (
        "<sip:bob@example.com?Reason=SIP%3Bcause%3D302>;index=1.1;rc=1",
        "<sip:office@192.0.2.3>;index=1.2;mp=1.1, <sip:home@192.0.2.4>;index=1.3",
    )
    assert parse_history_info(history) == (
        HistoryEntry("sip:bob@example.com", "1.1", Reason("SIP", 302, None), "1"),
        HistoryEntry("sip:office@192.0.2.3", "1.2", None, "1.1"),
        HistoryEntry("sip:home@192.0.2.4", "1.3", None, None),
    )


def test_security_agreement():
    found = parse_security_mechanisms(("ipsec-ike;q=0.1, tls;q=0.2", "digest;d-alg=MD5;q=1"))  # RFC 3329 §4
    assert [(one.name, one.q) for one in found] == [("ipsec-ike", 100), ("tls", 200), ("digest", 1000)]
    assert ("d-alg", "MD5") in found[2].params


def test_asserted_identities_and_leg_ids():
    message = request(
        ("P-Asserted-Identity", '"Cullen" <sip:fluffy@Cisco.com>'),  # RFC 3325 §9.1
        ("P-Asserted-Identity", "tel:+14085264000"),
        ("Session-ID", "ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000"),  # RFC 7989 §5
        ("P-Charging-Vector", 'icid-value="AyretyU0dm+6O2IrT5tAFrbHLso=023551024";orig-ioi=home1.net'),
        ("X-CID", "leg-a"),
    )
    assert asserted_aors(message) == ("fluffy@cisco.com", "+14085264000")
    assert leg_ids(message) == (
        LegId("p-charging-vector", "AyretyU0dm+6O2IrT5tAFrbHLso=023551024"),
        LegId("session-id", "ab30317f1a784dc48ff824d0d3715d86"),
        LegId("x-cid", "leg-a"),
    )


def test_leg_ids_of_folded_and_repeated_headers():
    local, remote = "AB30317F1A784DC48FF824D0D3715D86", "47755a9de7794ba387653f2099600ef2"
    folded = request(("Session-ID", f"{local}\r\n ;remote={remote}"), ("X-CID", "one,\r\n\ttwo"), ("X-CID", "three"))
    assert leg_ids(folded) == (
        LegId("session-id", local.lower()),
        LegId("session-id", remote),
        LegId("x-cid", "one"),
        LegId("x-cid", "two"),
        LegId("x-cid", "three"),
    )
    assert leg_ids(request(("Session-ID", "no UUID"), ("Subject", "X-CID: leg-a"), ("P-Charging-Vector", "a=b"))) == ()


def test_identity_with_media_keys():
    found = parse_identity(f"{passport(MKY_CLAIMS)};info=<https://cert.example.org/passport.cer>;alg=ES256")
    assert (found.info, found.algorithm, found.is_compact) == ("https://cert.example.org/passport.cer", "ES256", False)
    assert found.claims == MKY_CLAIMS
    digest = "02:1A:CC:54:27:AB:EB:9C:53:3F:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1:7A:03:A2:7D:F9:B0:7F:46:19:B2"
    assert found.media_keys == (MediaKey("sha-256", digest),)
    assert (found.signature, found.defects) == (b"signature", ())


def test_identity_without_media_keys_compact_and_broken():
    bare = {key: value for key, value in MKY_CLAIMS.items() if key != "mky"}
    assert parse_identity(f"{passport(bare)};info=<https://a>").media_keys is None
    compact = parse_identity("..sig0;info=<https://a>;alg=ES256;ppt=shaken")
    assert (compact.is_compact, compact.extension, compact.defects) == (True, "shaken", ())
    for value, code in [
        ("no token", "passport-form"),
        ("a.b", "passport-form"),
        (f"{base64url(b'[1]')}.{base64url(bare)}.x", "passport-header-unreadable"),
        (f"{base64url({})}.{base64url(b'[' * 5000)}.x", "passport-claims-unreadable"),
        (passport({"mky": [{"alg": 1}]}), "passport-mky-form"),
        (passport({"mky": "x"}), "passport-mky-form"),
    ]:
        assert [defect.code for defect in parse_identity(value).defects] == [code]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip:alice@atlanta.com", ("sip", "alice", "atlanta.com", None)),
        ("sips:alice:secretword@atlanta.com:5061;transport=tcp", ("sips", "alice", "atlanta.com", 5061)),
        ("sip:alice;day=tuesday@atlanta.com", ("sip", "alice;day=tuesday", "atlanta.com", None)),
        ("sip:%61lice@[2001:db8::10]:5070", ("sip", "alice", "2001:db8::10", 5070)),
        ("sip:1.2.3.4", ("sip", None, "1.2.3.4", None)),
        ("tel:+1-201-555-0123", ("tel", None, "", None)),
    ],
)  # RFC 3261 §19.1.3, RFC 5118 §4.1
def test_uris(text, expected):
    uri = parse_sip_uri(text)
    assert (uri.scheme, uri.user, uri.host, uri.port) == expected
    assert uri.defects == ()


def test_uri_parameters_and_headers():
    uri = parse_sip_uri("sip:atlanta.com;method=REGISTER;lr?to=alice%40atlanta.com&subject=")
    assert (uri.param("METHOD"), uri.param("lr"), uri.param("x")) == ("REGISTER", "", None)
    assert uri.headers == (("to", "alice@atlanta.com"), ("subject", ""))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("bob", "uri-without-scheme"),
        ("sip:a@2001:db8::1", "ipv6-without-brackets"),
        ("sip:a@[2001:db8:::1]", "ipv6-address-form"),
        ("sip:a@b:99999", "port-form"),
        ("sip:a@b c", "host-form"),
        ("sip:a%4@b", "uri-escape-form"),
    ],
)
def test_uris_that_stray(text, code):
    assert [defect.code for defect in parse_sip_uri(text).defects] == [code]
