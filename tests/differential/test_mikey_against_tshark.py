# SPDX-License-Identifier: GPL-2.0-only
"""Every MIKEY message at hand as tshark reads it on UDP port 2269, field by field; where it differs has a name.

The messages are GStreamer's, those from the wild, and one of every data type. What tshark 4.0 reads otherwise, with the
clause that decides:

* `GENERIC_ID`: it does not know the GENERIC-ID map, and takes its octets for payloads (RFC 6043 §6.1.1).
* `STOPS_AT`: it goes no further than a CHASH (RFC 3830 §6.8), a DH payload with a KV (§6.4), TR, RANDR, TP and TICKET
  (RFC 6043 §6.4, §6.8, §6.10), IBAKE and ESK (RFC 6267 §6.1), and a KEMAC that RFC 4650 §4.2 numbers.
* `CUT`: of a payload that is cut short it shows the fields before the cut, here such a payload has no fields; and it
  stops in a KEMAC whose keys are no key data, which here is one payload like another (RFC 3830 §6, §6.2).
* `CLEAR_KEYS`: it shows the keys of a NULL-encrypted KEMAC in place of its data (§6.2), and an empty MAC as missing.
* `mikey.cert.data` is not asked for: it shows a certificate's first octets alone, whose length it takes for 0 (§6.7).
* `AS_TEXT`: it shows identities and lists of SDP IDs as text up to a NUL, with a mark for each octet that is not ASCII;
  they are octets (RFC 3830 §6.7, RFC 4567 §3.1, RFC 6509 §4).
* `FIRST_KEY`: of several keys in one KEMAC it shows the first, though their chain goes on (§6.13).
"""

import base64
import binascii
import json
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from analyzer.capture.frames import build_udp_frame
from analyzer.capture.writer import PcapngWriter
from dissectors.grammar.mikey import (
    Certificate,
    CertificateHash,
    Dh,
    EncryptedSecretKey,
    ErrorPayload,
    GeneralExtension,
    Ibake,
    Identity,
    IdentityWithRole,
    Kemac,
    KeyData,
    MikeyMessage,
    Opaque,
    Pke,
    Rand,
    RandWithRole,
    Sakke,
    SecurityPolicy,
    Sign,
    SrtpIdEntry,
    Ticket,
    TicketPolicy,
    Timestamp,
    TimestampWithRole,
    Verification,
    parse_key_data_payloads,
    parse_mikey,
)
from dissectors.grammar.mikey.registries import (
    CsIdMapType,
    DataType,
    EncryptionAlgorithm,
    GeneralExtensionType,
    ProtocolType,
    TimestampType,
)
from tests.grammar.mikey.mode_messages import message_of

pytestmark = [pytest.mark.tool("tshark"), pytest.mark.captures]

FIELDS = (
    "version", "type", "next_payload", "v.set", "prf_func", "csb_id", "cs_count", "cs_id_map_type", "srtp_id.policy_no",
    "srtp_id.ssrc", "srtp_id.roc", "t.ts_type", "t.ntp", "rand.len", "rand.data", "id.type", "id.data", "ext.value",
    "cert.type", "dh.group", "dh.value",
    "kemac.encr_alg", "kemac.key_data", "kemac.mac_alg", "kemac.mac", "v.auth_alg", "v.ver_data", "sp.no",
    "sp.proto_type", "sp.param.type", "sp.patam.value", "sign.data", "ext.type", "pke.data", "err.no", "sakke.params",
    "sakke.idscheme", "sakke.data", "id.len", "id.role", "sign.type", "pke.c", "dh.kv", "ext.data",
    "key.type", "key.data", "key.salt", "key.kv", "key.kv.spi", "key.kv.from", "key.kv.to",
    "kemac.key_data_len", "pke.len", "ext.len", "sp.param_len", "sp.param.len", "sakke.len", "key.data.len",
    "key.salt.len", "key.kv.spi.len", "key.kv.from.len", "key.kv.to.len", "sign.len",
    "sp.encr_alg", "sp.encr_len", "sp.auth_alg", "sp.auth_key_len", "sp.salt_len", "sp.prf", "sp.kd_rate",
    "sp.srtp_encr", "sp.srtcp_encr", "sp.fec", "sp.srtp_auth", "sp.auth_tag_len", "sp.srtp_prefix",
)  # fmt: skip
# SRTP's parameters by their type (RFC 3830 §6.10.1).
PARAMETERS = (
    "encr_alg", "encr_len", "auth_alg", "auth_key_len", "salt_len", "prf", "kd_rate", "srtp_encr", "srtcp_encr", "fec",
    "srtp_auth", "auth_tag_len", "srtp_prefix",
)  # fmt: skip
NTP_EPOCHS = tuple(datetime.fromisoformat(text) for text in ("2036-02-07 06:28:16", "1900-01-01"))
OCTETS = ("data", "value", "mac", "salt", "spi", "from", "to")
STOPS_AT = (CertificateHash, TimestampWithRole, RandWithRole, TicketPolicy, Ticket, Ibake, EncryptedSecretKey)
Reading = dict[str, list[int | str]]


def messages(captures: Path) -> Iterator[tuple[str, bytes]]:
    for name, key in (("gstreamer", "base64"), ("in_the_wild", "b64")):
        for line in (captures / "mikey" / f"{name}.jsonl").read_text().splitlines():
            case = json.loads(line)
            try:
                octets = base64.b64decode(case[key], validate=True)
            except binascii.Error:
                continue
            if len(octets) >= 10:
                yield case.get("id") or case["source"], octets
    for data_type in DataType:
        yield f"built {data_type.name}", message_of(data_type)


def read_with_tshark(path: Path, octets: list[bytes]) -> list[Reading]:
    with path.open("wb") as stream:
        writer = PcapngWriter(stream)
        for number, each in enumerate(octets):
            writer.write(number * 1000, build_udp_frame("192.0.2.1:2269", "192.0.2.2:2269", each))
    names = [argument for field in FIELDS for argument in ("-e", f"mikey.{field}")]
    command = ["tshark", "-n", "-r", str(path), "-T", "json", *names]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rows: list[dict[str, list[str]]] = [each["_source"]["layers"] for each in told]
    return [{field: list(_values(field, row.get(f"mikey.{field}", ()))) for field in FIELDS} for row in rows]


def _values(field: str, shown: Iterable[str]) -> Iterator[int | str]:
    for value in shown:
        if value and value != "<MISSING>":
            yield value if field.endswith(OCTETS) or field == "t.ntp" else int(value, 0)


def our_reading(message: MikeyMessage) -> Reading:
    header = message.header
    found: Reading = defaultdict(list)
    for field, value in (
        ("version", header.version), ("type", header.data_type), ("next_payload", header.next_payload),
        ("v.set", int(header.v)), ("prf_func", header.prf_function), ("csb_id", header.csb_id),
        ("cs_count", header.cs_count), ("cs_id_map_type", header.cs_id_map_type),
    ):  # fmt: skip
        found[field].append(value)
    for entry in header.crypto_sessions:
        if isinstance(entry, SrtpIdEntry):
            numbers = zip(("policy_no", "ssrc", "roc"), (entry.policy_number, entry.ssrc, entry.roc), strict=True)
            for name, number in numbers:
                found[f"srtp_id.{name}"].append(number)
    for payload in message.payloads:
        if not isinstance(payload, Sign | Opaque):
            found["next_payload"].append(payload.next_payload)
        for field, value in payload_fields(payload):
            if value != "":
                found[field].append(value)
    return found


# How tshark names the fields of a payload, and where the value is in ours.
SIMPLE: dict[type[object], dict[str, str]] = {
    Timestamp: {"t.ts_type": "timestamp_type"},
    Rand: {"rand.data": "data"},
    Identity: {"id.type": "id_type"},
    IdentityWithRole: {"id.type": "id_type", "id.role": "role"},
    Certificate: {"cert.type": "cert_type"},
    Dh: {"dh.group": "group", "dh.value": "value"},
    Kemac: {"kemac.encr_alg": "encryption_algorithm", "kemac.mac_alg": "mac_algorithm", "kemac.mac": "mac"},
    Verification: {"v.auth_alg": "mac_algorithm", "v.ver_data": "mac"},
    SecurityPolicy: {"sp.no": "policy_number", "sp.proto_type": "protocol_type"},
    Sign: {"sign.type": "signature_type", "sign.data": "signature"},
    GeneralExtension: {"ext.type": "extension_type"},
    Pke: {"pke.c": "cache", "pke.data": "data"},
    ErrorPayload: {"err.no": "error_number"},
    Sakke: {"sakke.params": "parameters", "sakke.idscheme": "id_scheme", "sakke.data": "data"},
}


LENGTHS: tuple[tuple[type[object], str, str], ...] = (
    (Kemac, "kemac.key_data_len", "data"),
    (Rand, "rand.len", "data"),
    (Identity, "id.len", "data"),
    (IdentityWithRole, "id.len", "data"),
    (Pke, "pke.len", "data"),
    (Sakke, "sakke.len", "data"),
    (Sign, "sign.len", "signature"),
    (GeneralExtension, "ext.len", "data"),
)


def payload_fields(payload: object) -> Iterator[tuple[str, int | str]]:
    for field, attribute in SIMPLE.get(type(payload), {}).items():
        value = getattr(payload, attribute)
        yield field, value.hex() if isinstance(value, bytes) else value
    for kind, name, attribute in LENGTHS:
        if isinstance(payload, kind):
            yield name, len(getattr(payload, attribute))
    if isinstance(payload, Kemac):
        yield from kemac_fields(payload)
    if isinstance(payload, Timestamp) and payload.timestamp_type != TimestampType.COUNTER:
        yield "t.ntp", as_time(payload.value)
    if isinstance(payload, Identity | IdentityWithRole):
        yield "id.data", as_text(payload.data)
    if isinstance(payload, Dh):
        yield "dh.kv", payload.validity.kind
    if isinstance(payload, GeneralExtension) and payload.extension_type == GeneralExtensionType.SDP_IDS:
        yield "ext.value", as_text(payload.data)
    elif isinstance(payload, GeneralExtension):
        yield "ext.data", payload.data.hex()
    if isinstance(payload, SecurityPolicy):
        yield from policy_fields(payload)


def kemac_fields(payload: Kemac) -> Iterator[tuple[str, int | str]]:
    if payload.encryption_algorithm != EncryptionAlgorithm.NULL:  # CLEAR_KEYS
        yield "kemac.key_data", payload.data.reveal().hex()
        return
    for key in parse_key_data_payloads(payload.data.reveal()).keys[:1]:  # FIRST_KEY
        yield from key_fields(key)


def policy_fields(payload: SecurityPolicy) -> Iterator[tuple[str, int | str]]:
    yield "sp.param_len", sum(2 + len(value) for _, value in payload.parameters)
    for kind, value in payload.parameters:
        yield from (("sp.param.type", kind), ("sp.patam.value", value.hex()), ("sp.param.len", len(value)))
        if payload.protocol_type == ProtocolType.SRTP and kind < len(PARAMETERS):
            yield f"sp.{PARAMETERS[kind]}", int.from_bytes(value, "big")


def as_time(octets: bytes) -> str:
    """An NTP time as tshark prints it; without the highest bit it counts from 2036 (RFC 4330 §3)."""
    seconds, fraction = int.from_bytes(octets[:4], "big"), int.from_bytes(octets[4:], "big")
    moment = NTP_EPOCHS[seconds >> 31] + timedelta(seconds=seconds)
    return f"{moment:%b} {moment.day:2}, {moment:%Y %H:%M:%S}.{fraction * 10**9 >> 32:09} UTC"


def as_text(octets: bytes) -> str:
    """AS_TEXT."""
    return octets.partition(b"\0")[0].decode("ascii", "replace")


def key_fields(key: KeyData) -> Iterator[tuple[str, int | str]]:
    validity = key.validity
    yield from (("key.type", key.key_type), ("key.data", key.key.reveal().hex()), ("key.kv", validity.kind))
    yield "key.data.len", len(key.key)
    if key.salt is not None:
        yield from (("key.salt", key.salt.reveal().hex()), ("key.salt.len", len(key.salt)))
    for name, octets in (("spi", validity.spi), ("from", validity.valid_from), ("to", validity.valid_to)):
        yield f"key.kv.{name}", octets.hex()
        if octets:
            yield f"key.kv.{name}.len", len(octets)


def difference(message: MikeyMessage) -> str:
    """The name under which tshark may read a message otherwise, "" where it may not."""
    if message.header.cs_id_map_type == CsIdMapType.GENERIC_ID:
        return "GENERIC_ID"
    if message.find(Opaque) or message.trailing or message.header.map_info:
        return "CUT"
    stops = any(
        isinstance(each, STOPS_AT) or (isinstance(each, Dh) and each.validity.kind) for each in message.payloads
    )
    by_4650 = any(defect.code == "kemac-numbered-by-rfc4650" for defect in message.defects)
    return "STOPS_AT" if stops or by_4650 else ""


def test_every_field_of_every_message_is_tsharks_or_differs_by_name(captures: Path, tmp_path: Path) -> None:
    named = list(messages(captures))
    theirs = read_with_tshark(tmp_path / "all.pcapng", [octets for _, octets in named])
    assert len(theirs) == len(named)
    counts: dict[str, int] = defaultdict(int)
    for (name, octets), read in zip(named, theirs, strict=True):
        message = parse_mikey(octets)
        ours, why = our_reading(message), difference(message)
        counts[why] += 1
        for field in FIELDS if why != "GENERIC_ID" else FIELDS[:8]:
            mine, other = ours.get(field, []), read.get(field, [])
            shared = max(len(mine), len(other))
            if why == "GENERIC_ID":
                shared = 1
            elif why:  # as far as both go
                shared = min(len(mine), len(other))
            assert mine[:shared] == other[:shared], (name, field)
    assert counts[""] >= 50, dict(counts)
