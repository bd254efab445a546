# SPDX-License-Identifier: GPL-2.0-only
"""The attributes of SDP that negotiate keys, field by field (RFC 4568, RFC 4567, RFC 8122, RFC 5939)."""

from typing import Any, ClassVar

from scapy.packet import Packet

from dissectors.grammar.capability_negotiation import (
    make_configuration,
    parse_acap,
    parse_acfg,
    parse_pcfg,
    parse_tcap,
)
from dissectors.grammar.errors import Malformed
from dissectors.grammar.fingerprint import build_fingerprint, make_fingerprint, parse_fingerprint
from dissectors.grammar.key_mgmt import build_key_mgmt, make_key_mgmt, parse_key_mgmt
from dissectors.grammar.sdes import KeyParameter, build_crypto, make_crypto, parse_crypto
from dissectors.grammar.secret import Secret
from dissectors.layers.base import (
    GrammarLayer,
    LayerField,
    LayersField,
    ListField,
    NumberField,
    OctetsField,
    SecretField,
    SpelledLayer,
    TextField,
    defects_field,
    hidden,
    shown_behind,
    shown_if_set,
)
from dissectors.layers.mikey import MIKEY
from dissectors.layers.sdp import STRUCTURED, SDP_Attribute, layer_of_line


def attribute_fields(name: str) -> list[Any]:
    """The fields that every structured attribute begins with."""
    return [SpelledLayer, hidden(TextField("attribute", name))]


class TokensField(ListField):
    """Words behind the data of a key-mgmt attribute; one that could be a key is masked."""

    def i2repr(self, pkt: Packet | None, x: list[str]) -> str:  # noqa: ARG002
        """The value as it is shown."""
        prefix = "key-mgmt:mikey AQEA "
        return "[" + ", ".join(repr(shown_behind(prefix, token)) for token in x) + "]"


class SDP_CryptoKey(GrammarLayer):
    """One inline key of a crypto attribute (RFC 4568 §6.1)."""

    name = "SDP crypto key"
    fields_desc: ClassVar[list[Any]] = [
        TextField("method", "inline"),
        SecretField("key_salt", None),
        shown_if_set(NumberField("lifetime", None)),
        shown_if_set(NumberField("mki", None)),
        shown_if_set(NumberField("mki_octets", None)),
    ]

    def to_value(self) -> KeyParameter:
        """The grammar's value of this key."""
        names = ("method", "key_salt", "lifetime", "mki", "mki_octets")
        return KeyParameter(*(self.getfieldval(name) for name in names))

    @classmethod
    def from_value(cls, key: KeyParameter) -> "SDP_CryptoKey":
        """The layer of one key."""
        return cls(
            method=key.method, key_salt=key.key_salt, lifetime=key.lifetime, mki=key.mki, mki_octets=key.mki_octets
        )


class SDP_Crypto(SDP_Attribute):
    """`a=crypto` (RFC 4568 §9.1)."""

    name = "SDP crypto"
    fields_desc: ClassVar[list[Any]] = [
        *attribute_fields("crypto"),
        NumberField("tag", 1),
        TextField("suite", "AES_CM_128_HMAC_SHA1_80", "crypto:1 "),
        LayersField("keys"),
        shown_if_set(ListField("session_parameters", [])),
        shown_if_set(LayersField("fec_keys")),
        defects_field(),
    ]

    def read_value(self, value: str | None) -> None:
        """Tag, suite, keys and session parameters."""
        crypto = parse_crypto(value or "")
        self.fields.update(
            tag=crypto.tag,
            suite=crypto.suite,
            keys=[SDP_CryptoKey.from_value(key) for key in crypto.keys],
            session_parameters=list(crypto.session_parameters),
            fec_keys=[SDP_CryptoKey.from_value(key) for key in crypto.fec_keys],
            defects=crypto.defects,
        )

    def write_value(self) -> str:
        """The value in the canonical spelling; raises `Malformed` for a FEC key and for a key that was not read."""
        if self.getfieldval("fec_keys"):
            raise Malformed("a FEC key is written only as it came", clause="RFC 4568 §6.3.5")
        keys = [layer.to_value() for layer in self.getfieldval("keys")]
        parameters = self.getfieldval("session_parameters")
        return build_crypto(make_crypto(self.getfieldval("tag"), self.getfieldval("suite"), keys, parameters))


class SDP_KeyMgmt(SDP_Attribute):
    """`a=key-mgmt` (RFC 4567 §3.1) with its MIKEY message, and the words that stand behind it."""

    name = "SDP key-mgmt"
    fields_desc: ClassVar[list[Any]] = [
        *attribute_fields("key-mgmt"),
        TextField("protocol", "mikey", "key-mgmt:"),
        LayerField("message", None),
        shown_if_set(SecretField("data", None)),
        shown_if_set(TokensField("extra_tokens", [])),
        defects_field(),
    ]

    def read_value(self, value: str | None) -> None:
        """Protocol, message and further words; `data` holds what is no MIKEY message."""
        key_mgmt = parse_key_mgmt(value or "")
        is_mikey = key_mgmt.protocol.lower() == "mikey"
        message, other = (key_mgmt.data, None) if is_mikey else (None, key_mgmt.data)
        self.fields.update(
            protocol=key_mgmt.protocol,
            message=MIKEY(message) if message else None,
            data=None if other is None else Secret(other),
            extra_tokens=list(key_mgmt.extra_tokens),
            defects=key_mgmt.defects,
        )

    def write_value(self) -> str:
        """The value in the canonical spelling."""
        message, data = self.getfieldval("message"), self.getfieldval("data")
        octets = bytes(message) if message is not None else b"" if data is None else data.reveal()
        extra = tuple(self.getfieldval("extra_tokens"))
        if not octets:
            return " ".join((self.getfieldval("protocol"), *extra))
        return build_key_mgmt(make_key_mgmt(self.getfieldval("protocol"), octets, extra))


class SDP_Fingerprint(SDP_Attribute):
    """`a=fingerprint` (RFC 8122 §5)."""

    name = "SDP fingerprint"
    fields_desc: ClassVar[list[Any]] = [
        *attribute_fields("fingerprint"),
        TextField("hash_function", "sha-256"),
        OctetsField("digest", None),
        defects_field(),
    ]

    def read_value(self, value: str | None) -> None:
        """Hash function and digest."""
        found = parse_fingerprint(value or "")
        self.fields.update(hash_function=found.hash_function, digest=found.digest, defects=found.defects)

    def write_value(self) -> str:
        """The value in the canonical spelling."""
        return build_fingerprint(make_fingerprint(self.getfieldval("hash_function"), self.getfieldval("digest") or b""))


class SDP_AttributeCapability(SDP_Attribute):
    """`a=acap` (RFC 5939 §3.4.1): an attribute with a number, shown as the line it would become."""

    name = "SDP acap"
    fields_desc: ClassVar[list[Any]] = [
        *attribute_fields("acap"),
        NumberField("number", 1),
        LayerField("capability", None),
        defects_field(),
    ]

    def read_value(self, value: str | None) -> None:
        """Number and attribute."""
        found = parse_acap(value or "")
        text = found.name if found.value is None else f"{found.name}:{found.value}"
        line = f"a={text}".encode("utf-8", "surrogatepass")
        # An acap inside an acap is not unpacked: nesting would follow the input.
        layer = SDP_Attribute(line) if found.name == "acap" else layer_of_line(line)
        self.fields.update(number=found.number, capability=layer, defects=found.defects)

    def write_value(self) -> str:
        """The value in the canonical spelling."""
        capability = self.getfieldval("capability")
        text = b"" if capability is None else bytes(capability).rstrip(b"\r\n").removeprefix(b"a=")
        return f"{self.getfieldval('number')} {text.decode('utf-8', 'backslashreplace')}"


class SDP_TransportCapabilities(SDP_Attribute):
    """`a=tcap` (RFC 5939 §3.4.2)."""

    name = "SDP tcap"
    fields_desc: ClassVar[list[Any]] = [
        *attribute_fields("tcap"),
        NumberField("first", 1),
        ListField("protos", []),
        defects_field(),
    ]

    def read_value(self, value: str | None) -> None:
        """The first number and the transports."""
        found = parse_tcap(value or "")
        self.fields.update(first=found.first, protos=list(found.protos), defects=found.defects)

    def write_value(self) -> str:
        """The value in the canonical spelling."""
        return " ".join((str(self.getfieldval("first")), *self.getfieldval("protos")))


class SDP_PotentialConfiguration(SDP_Attribute):
    """`a=pcfg` (RFC 5939 §3.5.1)."""

    name = "SDP pcfg"
    fields_desc: ClassVar[list[Any]] = [
        *attribute_fields("pcfg"),
        NumberField("number", 1),
        ListField("attribute_alternatives", []),
        shown_if_set(ListField("optional_attributes", [])),
        shown_if_set(TextField("deletes", "")),
        ListField("transport_alternatives", []),
        shown_if_set(ListField("other", [])),
        defects_field(),
    ]

    def read_value(self, value: str | None) -> None:
        """Number and alternatives."""
        parse = parse_acfg if self.getfieldval("attribute") == "acfg" else parse_pcfg
        found = parse(value or "")
        for name in ("number", "deletes", "defects"):
            self.fields[name] = getattr(found, name)
        for name in ("attribute_alternatives", "optional_attributes", "transport_alternatives", "other"):
            self.fields[name] = list(getattr(found, name))

    def write_value(self) -> str:
        """The value in the canonical spelling."""
        names = ("attribute_alternatives", "optional_attributes", "transport_alternatives", "other")
        lists = {name: tuple(self.getfieldval(name)) for name in names}
        return make_configuration(self.getfieldval("number"), deletes=self.getfieldval("deletes"), **lists).text


class SDP_ActualConfiguration(SDP_PotentialConfiguration):
    """`a=acfg` (RFC 5939 §3.5.2)."""

    name = "SDP acfg"
    fields_desc: ClassVar[list[Any]] = [
        *attribute_fields("acfg"),
        *(f for f in SDP_PotentialConfiguration.fields_desc if f.name not in ("spelling", "attribute")),
    ]


STRUCTURED.update(
    {
        "crypto": SDP_Crypto,
        "key-mgmt": SDP_KeyMgmt,
        "fingerprint": SDP_Fingerprint,
        "acap": SDP_AttributeCapability,
        "tcap": SDP_TransportCapabilities,
        "pcfg": SDP_PotentialConfiguration,
        "acfg": SDP_ActualConfiguration,
    }
)
