# SPDX-License-Identifier: GPL-2.0-only
"""RTSP headers that set up media and its keys: Transport, KeyMgmt, Session; kept as they were spelled."""

import re
from dataclasses import field
from typing import NamedTuple

from dissectors.grammar.base64_text import build_base64, parse_base64
from dissectors.grammar.defects import Defect
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.sip_address import parse_params, split_header_list, unquote

MAX_SPECS = 64
MAX_TIMEOUT_DIGITS = 9
_SSRC = re.compile(r"[0-9A-Fa-f]{1,8}")
_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_SESSION = re.compile(r"[A-Za-z0-9$\-_.+]+")
_DIGITS = re.compile(r"[0-9]+")
_BLANK = re.compile(r"[ \t]")
_QUOTED_ADDRESS = re.compile(r'"([^"]*)"')
TRANSPORT_CLAUSE = "RFC 2326 §12.39"
KEY_MGMT_CLAUSE = "RFC 4567 §3.2"

Params = tuple[tuple[str, str | None], ...]
Pair = tuple[int, int | None]


def _param(params: Params, name: str) -> str | None:
    for key, value in params:
        if key.lower() == name:
            return value if value is not None else ""
    return None


class SessionHeader(NamedTuple):
    """A Session header: identifier and timeout in seconds (60 where none is stated); RFC 2326 §12.37."""

    text: str
    id: str
    timeout_seconds: int | None
    defects: tuple[Defect, ...] = ()


def parse_session_header(value: str) -> SessionHeader:
    """A Session value; never raises."""
    identifier, _, rest = value.partition(";")
    identifier = identifier.strip()
    defects: list[Defect] = []
    if not _SESSION.fullmatch(identifier):
        defects.append(Defect("session-id-form", 0, "RFC 7826 §4.3", identifier[:64]))
    timeout = _param(parse_params(rest), "timeout")
    seconds = None
    if timeout is not None:
        if _DIGITS.fullmatch(timeout) and len(timeout) <= MAX_TIMEOUT_DIGITS:
            seconds = int(timeout)
        else:
            defects.append(Defect("session-timeout-form", 0, "RFC 2326 §12.37", timeout[:64]))
    return SessionHeader(value, identifier, seconds, tuple(defects))


@dataclass(frozen=True, slots=True)
class TransportSpec:
    """One transport specification: `RTP/SAVP/UDP;unicast;client_port=4588-4589`.

    `proto` is protocol and profile as SDP spells them (`RTP/SAVP`), `lower_transport` `UDP` or `TCP` (UDP where it is
    left out). `text` is the specification as it stood; `params` are in order, quotes taken off.
    """

    text: str = field(repr=False)
    proto: str
    lower_transport: str
    params: Params = field(repr=False)
    defects: tuple[Defect, ...] = ()

    def param(self, name: str) -> str | None:
        """The first value of a parameter in lower case; "" for one without value, None when absent."""
        return _param(self.params, name)

    @property
    def interleaved(self) -> Pair | None:
        """The channels of RTP and RTCP on the RTSP connection (RFC 2326 §10.12)."""
        return self._pair("interleaved")

    @property
    def client_ports(self) -> Pair | None:
        """Where the client wants RTP and RTCP (RTSP 1.0)."""
        return self._pair("client_port")

    @property
    def server_ports(self) -> Pair | None:
        """Where the server wants RTP and RTCP (RTSP 1.0)."""
        return self._pair("server_port")

    @property
    def multicast_ports(self) -> Pair | None:
        """The ports of a multicast session (RTSP 1.0)."""
        return self._pair("port")

    @property
    def destination_endpoints(self) -> tuple[str, ...]:
        """`dest_addr`: where RTP, then RTCP, go, as `host:port` or `:port` (RFC 7826 §18.54)."""
        return self._endpoints("dest_addr")

    @property
    def source_endpoints(self) -> tuple[str, ...]:
        """`src_addr`: where RTP, then RTCP, come from, as `host:port` or `:port` (RFC 7826 §18.54)."""
        return self._endpoints("src_addr")

    @property
    def ssrcs(self) -> tuple[int, ...]:
        """The SSRCs that the server will use; hexadecimal, several apart by `/` in RTSP 2.0."""
        words = (self.param("ssrc") or "").replace("/", " ").split()
        return tuple(int(word, 16) for word in words if _SSRC.fullmatch(word))

    @property
    def modes(self) -> tuple[str, ...]:
        """The methods that the transport is for, in upper case: `PLAY` where none is stated, or `RECORD`."""
        value = self.param("mode")
        words = tuple(word.strip().strip('"').upper() for word in (value or "PLAY").split(","))
        return tuple(word for word in words if word)

    @property
    def is_multicast(self) -> bool:
        """Whether the media goes to a group (the default of RTSP 1.0 where `unicast` is absent)."""
        return self.param("multicast") is not None

    @property
    def mikey(self) -> str | None:
        """The base64 of the MIKEY message (RFC 7826 Appendix C.1.4.1), None when absent."""
        return self.param("mikey") or None

    @property
    def mikey_octets(self) -> bytes | None:
        """The MIKEY message that `mikey` says, None where that is absent or no base64."""
        return None if self.mikey is None else parse_base64(self.mikey).octets

    def _pair(self, name: str) -> Pair | None:
        found = _RANGE.fullmatch((self.param(name) or "").strip())
        if found is None:
            return None
        return int(found[1]), int(found[2]) if found[2] else None

    def _endpoints(self, name: str) -> tuple[str, ...]:
        for piece in self.text.split(";"):
            key, equals, value = piece.partition("=")
            if equals and key.strip().lower() == name:
                return tuple(_QUOTED_ADDRESS.findall(value))
        return ()


def parse_transport_header(value: str) -> tuple[TransportSpec, ...]:
    """The specifications of one Transport value in order of preference, at most `MAX_SPECS`; never raises."""
    return tuple(_parse_spec(text) for text in split_header_list(value)[:MAX_SPECS])


def _parse_spec(text: str) -> TransportSpec:
    head, _, rest = text.partition(";")
    words = head.strip().split("/")
    defects: list[Defect] = []
    lower = words[2].upper() if len(words) > 2 else "UDP"
    if not 2 <= len(words) <= 3 or not all(words):
        defects.append(Defect("transport-form", 0, TRANSPORT_CLAUSE, head[:64]))
    params = parse_params(rest)
    spec = TransportSpec(text, "/".join(words[:2]), lower, params)
    for name in ("interleaved", "client_port", "server_port"):
        stated = spec.param(name)
        if stated and _RANGE.fullmatch(stated.strip()) is None:
            defects.append(Defect("transport-parameter-form", 0, TRANSPORT_CLAUSE, f"{name}={stated[:32]}"))
    if spec.mikey is not None:
        codes = parse_base64(spec.mikey).oddities
        defects.extend(Defect(code, 0, "RFC 7826 §18.54") for code in codes)
    return TransportSpec(text, spec.proto, lower, params, tuple(defects))


def build_transport_header(specs: tuple[TransportSpec, ...]) -> str:
    """The specifications as one value, each as it was written."""
    return ",".join(spec.text for spec in specs)


@dataclass(frozen=True, slots=True)
class KeyMgmtSpec:
    """One message of a KeyMgmt header: `prot=mikey;uri="…";data="…"`.

    `uri` is None where it is absent, "" where it is empty (as ONVIF devices send it). `data` is None when there is no
    base64 or it can't be decoded; neither data nor text is in the repr: a MIKEY message may hold clear keys.
    """

    text: str = field(repr=False)
    protocol: str
    uri: str | None
    data: bytes | None = field(repr=False)
    data_text: str = field(repr=False)
    defects: tuple[Defect, ...] = ()


def parse_key_mgmt_header(value: str) -> tuple[KeyMgmtSpec, ...]:
    """The messages of one KeyMgmt value, at most `MAX_SPECS`; never raises (RFC 4567 §3.2; its ABNF forgot `data`)."""
    return tuple(_parse_key_mgmt(text) for text in split_header_list(value)[:MAX_SPECS])


def _parse_key_mgmt(text: str) -> KeyMgmtSpec:
    params = parse_params(text)
    protocol, data_text = _param(params, "prot"), _param(params, "data")
    defects: list[Defect] = []
    if not protocol:
        defects.append(Defect("protocol-missing", 0, KEY_MGMT_CLAUSE))
    data = None
    if data_text:
        joined = _BLANK.sub("", unquote(data_text))
        if joined != data_text:
            defects.append(Defect("space-in-base64", 0, KEY_MGMT_CLAUSE))
        decoded = parse_base64(joined)
        data, data_text = decoded.octets, joined
        defects.extend(Defect(code, 0, KEY_MGMT_CLAUSE) for code in decoded.oddities)
    else:
        defects.append(Defect("data-missing", 0, KEY_MGMT_CLAUSE))
    return KeyMgmtSpec(text, protocol or "", _param(params, "uri"), data, data_text or "", tuple(defects))


def make_key_mgmt_header(data: bytes, uri: str | None = None, protocol: str = "mikey") -> str:
    """A KeyMgmt value of one message."""
    where = "" if uri is None else f' uri="{uri}";'
    return f'prot={protocol};{where} data="{build_base64(data)}"'
