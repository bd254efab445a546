# SPDX-License-Identifier: GPL-2.0-only
"""The SDP attributes that carry or negotiate keys: examples of RFC 4567, 4568, 5939, 8122 and 6189, and broken ones."""

import base64

import pytest

from dissectors.grammar.capability_negotiation import build_capability, parse_acap, parse_acfg, parse_pcfg, parse_tcap
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.fingerprint import (
    build_fingerprint,
    make_fingerprint,
    parse_fingerprint,
    parse_setup,
    parse_zrtp_hash,
)
from dissectors.grammar.key_mgmt import build_key_mgmt, make_key_mgmt, parse_key_mgmt, parse_priority_token
from dissectors.grammar.masking import mask_sdp_secrets
from dissectors.grammar.sdes import KeyParameter, build_crypto, canonical_suite, make_crypto, parse_crypto
from dissectors.grammar.secret import Secret

# RFC 4568 §7.1.5, folded lines joined.
OFFER_CM = (
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 FEC_ORDER=FEC_SRTP"
)
OFFER_F8 = (
    "2 F8_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5QUJjZGVm|2^20|1:4;"
    "inline:QUJjZGVmMTIzNDU2Nzg5QUJDREUwMTIzNDU2Nzg5|2^20|2:4 FEC_ORDER=FEC_SRTP"
)
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
# RFC 4567 §7.1.
MIKEY = "AQAFgM0XflABAAAAAAAAAAAAAAsAyONQ6gAAAAAJAAAQbWlrZXk"


def key_octets(value: str) -> list[str]:
    return [key.key_salt.reveal().hex() for key in parse_crypto(value).keys if key.key_salt]


def codes(value: str) -> set[str]:
    return {defect.code for defect in parse_crypto(value).defects}


def test_the_offer_of_rfc_4568() -> None:
    crypto = parse_crypto(OFFER_CM)
    assert (crypto.tag, crypto.suite, crypto.session_parameters) == (
        1,
        "AES_CM_128_HMAC_SHA1_80",
        ("FEC_ORDER=FEC_SRTP",),
    )
    (key,) = crypto.keys
    assert (key.method, key.lifetime, key.mki, key.mki_octets) == ("inline", 2**20, 1, 4)
    assert key_octets(OFFER_CM) == ["59535f5f5f73656d63746c202829207b093232303b7d0a7d0a756e6c6573"]
    assert OFFER_CM[key.text_offset :].startswith("inline:")
    assert crypto.defects == ()
    assert build_crypto(crypto) == OFFER_CM


def test_two_keys_of_one_line() -> None:
    crypto = parse_crypto(OFFER_F8)
    assert [(key.mki, key.mki_octets, key.lifetime) for key in crypto.keys] == [(1, 4, 2**20), (2, 4, 2**20)]
    assert key_octets(OFFER_F8) == [
        "313233343536373839414243444530313233343536373839414263646566",
        "414263646566313233343536373839414243444530313233343536373839",
    ]
    assert all(OFFER_F8[key.text_offset :].startswith("inline:") for key in crypto.keys)
    assert crypto.defects == ()


@pytest.mark.parametrize(
    ("key_text", "octets"),
    [
        ("PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR", "3d2d6e40255e7821426a75667239293f2c2335685c603d265d7b71695051"),
        ("d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj", "774466766726542b29784737406662356a552c5261417d5c7c7030252a23"),
        ("NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj", "37307877504835402f2c4c3a53317759227e3d27457067542528695f5663"),
        ("YUJDZGVmZ2hpSktMbW9QUXJzVHVWd3l6MTIzNDU2", "6142436465666768694a4b4c6d6f5051727354755677797a313233343536"),
    ],
)
def test_the_keys_of_rfc_4568(key_text: str, octets: str) -> None:
    assert key_octets(f"1 AES_CM_128_HMAC_SHA1_80 inline:{key_text}") == [octets]


def test_mki_without_lifetime_and_lifetime_without_mki() -> None:
    (first,) = parse_crypto(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1066:4").keys
    (second,) = parse_crypto(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^48").keys
    (third,) = parse_crypto(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|65536").keys
    assert (first.lifetime, first.mki, first.mki_octets) == (None, 1066, 4)
    assert (second.lifetime, second.mki, third.lifetime) == (2**48, None, 65536)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("1 AES_CM_128_HMAC_SHA1_80", "key-missing"),
        ("01 AES_CM_128_HMAC_SHA1_80 inline:" + KEY, "tag-leading-zero"),
        ("x AES_CM_128_HMAC_SHA1_80 inline:" + KEY, "tag-form"),
        ("1 AES-CM inline:" + KEY, "suite-form"),
        ("1 inline:" + KEY, "suite-form"),
        ("1 S outline:" + KEY, "key-method"),
        ("1 S INLINE:" + KEY, "key-method-case"),
        ("1 S inline:", "key-unreadable"),
        ("1 S inline:A", "not-base64"),
        ("1 S inline:!!!!", "not-base64"),
        ("1 S inline:" + KEY[:-1], "base64-padding"),
        ("1 S inline:_-__", "base64-url-safe"),
        (f"1 S inline:{KEY}|2^99", "lifetime-form"),
        (f"1 S inline:{KEY}|0", "lifetime-form"),
        (f"1 S inline:{KEY}|007", "lifetime-leading-zero"),
        (f"1 S inline:{KEY}|1:0", "mki-form"),
        (f"1 S inline:{KEY}|1:129", "mki-form"),
        (f"1 S inline:{KEY}|256:1", "mki-exceeds-length"),
        (f"1 S inline:{KEY}|1|2|3", "key-info-form"),
        (f"1 S inline:{KEY};inline:{KEY}", "several-keys-without-mki"),
        (f"1 S inline:{KEY}|1:4;inline:{KEY}|2:2", "mki-lengths-differ"),
        (f"1 S inline:{KEY};", "key-empty"),
        (f"1 S inline:{KEY} SURPRISE", "session-parameter-unknown"),
    ],
)
def test_an_odd_crypto_line_is_still_a_value(value: str, code: str) -> None:
    assert code in codes(value)
    assert build_crypto(parse_crypto(value)) == value


@pytest.mark.parametrize("text", ["", "   ", "1", "a=crypto:", "a=crypto:1"])
def test_less_than_a_tag_and_a_suite_is_refused(text: str) -> None:
    with pytest.raises(GrammarError):
        parse_crypto(text)


def test_missing_padding_gives_the_same_key() -> None:
    octets = bytes(range(46))
    text = base64.b64encode(octets).decode()
    assert text.endswith("=")
    assert key_octets("1 AES_256_CM_HMAC_SHA1_80 inline:" + text.rstrip("=")) == [octets.hex()]


def test_session_parameters() -> None:
    crypto = parse_crypto(
        f"1 S inline:{KEY} KDR=5 UNENCRYPTED_SRTP UNENCRYPTED_SRTCP UNAUTHENTICATED_SRTP WSH=128 -X=1"
    )
    assert (crypto.kdr, crypto.unencrypted_srtp, crypto.unencrypted_srtcp, crypto.unauthenticated_srtp) == (
        *(5, True, True, True),
    )
    assert crypto.defects == ()
    plain = parse_crypto("1 S inline:" + KEY)
    assert (plain.kdr, plain.unencrypted_srtp, plain.unencrypted_srtcp, plain.unauthenticated_srtp) == (
        *(None, False, False, False),
    )


@pytest.mark.parametrize(
    "value",
    [
        OFFER_CM,
        f"1 S inline:{KEY} FEC_KEY=inline:{KEY}|2^20|1:4",
        f"1 inline:{KEY}",
        f"1 S inline: {KEY}",
        f"1 S other:{KEY}",
        f"1 S {KEY}",
        f"1 S inline:{KEY}|{KEY}",
    ],
)
def test_keys_are_never_shown(value: str) -> None:
    assert KEY not in repr(parse_crypto(value))
    assert KEY not in mask_sdp_secrets("a=crypto:" + value.removeprefix("a=crypto:"))


def test_the_fec_key_is_kept_apart() -> None:
    crypto = parse_crypto(f"1 S inline:{KEY} FEC_KEY=inline:{KEY}|2^20|1:4")
    assert crypto.session_parameters == ("FEC_KEY=",)
    assert [key.mki for key in crypto.fec_keys] == [1]
    assert crypto.defects == ()


def test_a_made_crypto_line_reads_back() -> None:
    keys = [
        KeyParameter("inline", Secret(bytes(range(30))), 2**20, 1, 4),
        KeyParameter("inline", Secret(bytes(30)), 1000, 2, 4),
    ]
    crypto = make_crypto(3, "AES_CM_128_HMAC_SHA1_80", keys, ["KDR=1"])
    assert [(k.key_salt, k.lifetime, k.mki, k.mki_octets) for k in crypto.keys] == [
        (k.key_salt, k.lifetime, k.mki, k.mki_octets) for k in keys
    ]
    assert (crypto.tag, crypto.kdr, crypto.defects) == (3, 1, ())


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80"),
        ("aes_cm_128_hmac_sha1_32", "AES_CM_128_HMAC_SHA1_32"),
        ("AES_F8_128_HMAC_SHA1_80", "F8_128_HMAC_SHA1_80"),
        ("AES_CM_256_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_80"),
        ("AES_CM_192_HMAC_SHA1_32", "AES_192_CM_HMAC_SHA1_32"),
        ("AEAD_AES_256_GCM_8", "AEAD_AES_256_GCM_8"),
        ("Made_Up", "Made_Up"),
    ],
)
def test_suite_names(name: str, canonical: str) -> None:
    assert canonical_suite(name) == canonical


def test_the_key_mgmt_line_of_rfc_4567() -> None:
    value = f"mikey {MIKEY}"
    attribute = parse_key_mgmt(value)
    assert (attribute.protocol, attribute.extra_tokens) == ("mikey", ())
    assert attribute.data == base64.b64decode(MIKEY + "=")
    assert {defect.code for defect in attribute.defects} == {"base64-padding"}
    assert build_key_mgmt(attribute) == value
    assert parse_key_mgmt("a=key-mgmt: " + value).data == attribute.data
    assert parse_key_mgmt(" " + value).data == attribute.data
    assert make_key_mgmt("mikey", b"\x01\x00abc").data == b"\x01\x00abc"


@pytest.mark.parametrize(
    ("value", "data", "extra", "found"),
    [
        ("mikey AQAFgM", b"\x01\x00\x05\x80", (), {"base64-padding", "base64-stray-bits"}),
        ("mikey AQAF gM0= PSK=0", b"\x01\x00\x05\x80\xcd", ("PSK=0",), {"space-in-base64", "extra-tokens"}),
        ("mikey AQAFA=== PSK=0", None, ("PSK=0",), {"not-base64", "extra-tokens"}),
        (
            "mikey AQAF gM0XflAB PSK:1",
            b"\x01\x00\x05\x80\xcd\x17\x7e\x50\x01",
            ("PSK:1",),
            {"space-in-base64", "extra-tokens"},
        ),
        ("mikey AQAF PSK=0 PKE=1", b"\x01\x00\x05", ("PSK=0", "PKE=1"), {"extra-tokens"}),
        ("mikey AQAF PSK PKE", b"\x01\x00\x05", ("PSK", "PKE"), {"extra-tokens"}),
        (
            "mikey PSK=0 AES_CM_128_HMAC_SHA1_80:1",
            None,
            ("PSK=0", "AES_CM_128_HMAC_SHA1_80:1"),
            {"data-missing", "extra-tokens"},
        ),
        ("mikey", None, (), {"data-missing"}),
        ("mikey ####", None, (), {"not-base64"}),
        ("my-key AQAF", b"\x01\x00\x05", (), {"protocol-form"}),
    ],
)
def test_odd_key_mgmt_values(value: str, data: bytes | None, extra: tuple[str, ...], found: set[str]) -> None:
    attribute = parse_key_mgmt(value)
    assert (attribute.data, attribute.extra_tokens) == (data, extra)
    assert {defect.code for defect in attribute.defects} == found
    assert build_key_mgmt(attribute) == value


def test_priority_tokens() -> None:
    assert parse_priority_token("PSK=0") == ("PSK", 0)
    assert parse_priority_token("AES_CM_128_HMAC_SHA1_32:12") == ("AES_CM_128_HMAC_SHA1_32", 12)
    assert parse_priority_token("DH=-1") == ("DH", -1)
    assert [parse_priority_token(token) for token in ("PSK", "PSK=", "=1", "PSK=x", "PSK=1;", "AQAF==")] == [None] * 6
    assert parse_key_mgmt("mikey PSK=0 x PKE:2").priorities == (("PSK", 0), ("PKE", 2))
    with pytest.raises(GrammarError):
        parse_key_mgmt("  ")


def test_capability_negotiation_of_rfc_5939() -> None:
    acap = parse_acap("4 crypto:1 AES_CM_128_HMAC_SHA1_32")
    assert (acap.number, acap.name, acap.value) == (4, "crypto", "1 AES_CM_128_HMAC_SHA1_32")
    assert parse_acap("2 rtcp-mux").value is None
    tcap = parse_tcap("1 RTP/AVPF RTP/AVP RTP/SAVP RTP/SAVPF")
    assert tcap.by_number == {1: "RTP/AVPF", 2: "RTP/AVP", 3: "RTP/SAVP", 4: "RTP/SAVPF"}
    first = parse_pcfg("1 t=4|3 a=1")
    assert (first.number, first.transport_alternatives, first.attribute_alternatives) == (1, (4, 3), ((1,),))
    assert parse_pcfg("8 t=1|2").transport_alternatives == (1, 2)
    second = parse_pcfg("1 a=-m:1,2,[3,4]|1,7,[5]")
    assert second.attribute_alternatives == ((1, 2, 3, 4), (1, 7, 5))
    assert (second.optional_attributes, second.deletes) == (((3, 4), (5,)), "m")
    assert parse_pcfg("1 a=-ms").deletes == "ms"
    assert parse_pcfg("1 a=[1]").optional_attributes == ((1,),)
    assert parse_acfg("1 t=4 a=1").transport_alternatives == (4,)
    assert parse_pcfg("1 foo=2 +bar=3").other == ("foo=2", "+bar=3")
    assert all(not value.defects for value in (acap, tcap, first, second))


@pytest.mark.parametrize(
    ("parse", "value", "code"),
    [
        (parse_acap, "1 acap:2 foo:a", "acap-embeds-negotiation"),
        (parse_acap, "1", "acap-without-attribute"),
        (parse_acap, "0 ptime:20", "number-out-of-range"),
        (parse_acap, "1 a=ptime:20", "acap-with-attribute-prefix"),
        (parse_tcap, "1", "tcap-without-proto"),
        (parse_tcap, "9999999999 RTP/AVP", "number-out-of-range"),
        (parse_pcfg, "1 a=x", "attribute-list-form"),
        (parse_pcfg, "1 a=1||2", "attribute-list-form"),
        (parse_pcfg, "1 t=1,2", "transport-list-form"),
        (parse_acfg, " 1", "space-before-number"),
    ],
)
def test_odd_capabilities(parse: object, value: str, code: str) -> None:
    parsed = parse(value)  # type: ignore[operator]
    assert code in {defect.code for defect in parsed.defects}
    assert build_capability(parsed) == value


@pytest.mark.parametrize("parse", [parse_acap, parse_tcap, parse_pcfg, parse_acfg])
def test_capabilities_begin_with_a_number(parse: object) -> None:
    for value in ("", "x 1", "-1 y", "12345678901 z"):
        with pytest.raises(GrammarError):
            parse(value)  # type: ignore[operator]


def test_fingerprints() -> None:
    # RFC 8122 §5.
    value = "SHA-256 12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD"
    fingerprint = parse_fingerprint(value)
    assert (fingerprint.hash_function, len(fingerprint.digest or b""), fingerprint.defects) == ("sha-256", 32, ())
    assert build_fingerprint(fingerprint) == value
    assert make_fingerprint("sha-1", bytes(20)).defects == ()
    assert [defect.code for defect in parse_fingerprint("sha-1 12:df").defects] == [
        "hex-not-upper-case",
        "digest-length",
    ]
    assert parse_fingerprint("sha-1 zz").digest is None
    assert [defect.code for defect in parse_fingerprint("crc 12").defects] == ["hash-function-unknown"]
    with pytest.raises(GrammarError):
        parse_fingerprint("")


def test_setup_and_zrtp_hash() -> None:
    assert parse_setup("actpass") == ("actpass", ())
    assert parse_setup("both").defects[0].code == "setup-role-unknown"
    # RFC 6189 §8.
    digest = "fe30efd02423cb054e50efd0248742ac7a52c8f91bc2df881ae642c371ba46df"
    assert parse_zrtp_hash(f"1.10 {digest}") == ("1.10", digest, ())
    assert parse_zrtp_hash("1.10 FE").defects[0].code == "zrtp-hash-length"
    for value in ("", "1.10", "1.10 xyz"):
        with pytest.raises(GrammarError):
            parse_zrtp_hash(value)


def test_masking_hides_secrets_and_nothing_else() -> None:
    keyless = base64.b64encode(b"\x01\x04" + bytes(40)).decode()
    keyed = base64.b64encode(b"\x01\x00" + bytes(40)).decode()
    text = "\r\n".join(
        [
            f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4;inline:{KEY} KDR=1 FEC_KEY=inline:{KEY}|2^20",
            f"a=acap:3 crypto:1 S inline:{KEY}",
            "k=base64:c2VjcmV0",
            "k=prompt",
            "a=ice-ufrag:user",
            "a=ice-pwd:hunter2hunter2hunter2hu",
            f"a=key-mgmt:mikey {keyed} PSK=0",
            f"a=key-mgmt:mikey {keyless} PSK=0",
            "a=key-mgmt:mikey %%% PSK=0",
            f'KeyMgmt: prot=mikey; uri=""; data="{keyed}"',
            "a=rtpmap:0 PCMU/8000",
        ]
    )
    masked = mask_sdp_secrets(text)
    assert len(masked) == len(text)
    assert mask_sdp_secrets(text.encode()) == masked
    for secret in (KEY, "c2VjcmV0", "hunter2", keyed, "%%%"):
        assert secret not in masked
    for shown in (
        "|2^20|1:4;inline:",
        " KDR=1 FEC_KEY=inline:",
        "k=prompt",
        "ice-ufrag:user",
        keyless,
        "rtpmap:0 PCMU/8000",
    ):
        assert shown in masked
    assert masked.count("PSK=0") == 3
    assert all(a in (b, "·") for a, b in zip(masked, text, strict=True))
