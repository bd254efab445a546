# SPDX-License-Identifier: GPL-2.0-only
"""What an RTSP SETUP agrees, as the two sides of a media line: addresses from Transport, keys from KeyMgmt.

RTSP answers no description with another one (RFC 4567 §4.2), so the sides that are only spoken of in headers are
written as session descriptions of one medium: the later stages then read them as they read SIP's.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from analyzer.calls.media_lines import spell_host
from analyzer.calls.session_reader import SessionReader
from analyzer.model.call import MediaSide, Party, SdpBody
from analyzer.model.channel import interleaved_suffix
from analyzer.model.evidence import RtspSignallingMessage
from dissectors.grammar.rtsp_headers import KeyMgmtSpec, TransportSpec
from dissectors.grammar.sdp import MediaDescription, SessionDescription

DISCARD_PORT = 9  # RFC 4145 §4.1: the port of a line whose transport says nothing of ports
_WORD = re.compile(r"[A-Za-z0-9._-]{1,32}")
_PROTO = re.compile(r"[A-Za-z0-9/-]{1,32}")
_DATA = re.compile(r"[A-Za-z0-9+/=_-]+")
_HOST_PORT = re.compile(r"(?:\[?([0-9A-Fa-f:.]*)\]?):([0-9]{1,5})")
# The SDP of RTSP says what the client does (RFC 7826 Appendix D.1.5); a side of a media line says what it does itself.
_SERVER_DOES = {"recvonly": "sendonly", "sendonly": "recvonly", "inactive": "inactive"}
_CLIENT_DOES = {"recvonly": "recvonly", "sendonly": "sendonly", "inactive": "inactive"}

Pair = tuple[str | None, str | None]  # endpoints of RTP and RTCP


class Setup(NamedTuple):
    """One SETUP: the request, its response if that was seen, and the transport that was settled."""

    request: RtspSignallingMessage
    response: RtspSignallingMessage | None
    asked: TransportSpec | None
    settled: TransportSpec | None

    @property
    def spec(self) -> TransportSpec | None:
        """What the response settled, else the first that the client asked for."""
        return self.settled or self.asked

    @property
    def is_recording(self) -> bool:
        """Whether the client sends (RFC 2326 §10.11)."""
        return self.spec is not None and "RECORD" in self.spec.modes


def read_setup(request: RtspSignallingMessage, response: RtspSignallingMessage | None) -> Setup:
    """The transport that a SETUP settled: the response's, beside the specification of the request that it takes up."""
    asked = request.rtsp.transports
    settled = response.rtsp.transports[:1] if response is not None and (response.rtsp.status or 0) < 300 else ()
    if not settled:
        return Setup(request, response, asked[0] if asked else None, None)
    taken = [
        spec for spec in asked if (spec.proto, spec.lower_transport) == (settled[0].proto, settled[0].lower_transport)
    ]
    first = next(iter(taken or asked), None)
    return Setup(request, response, first, settled[0])


def client_addresses(setup: Setup) -> Pair:
    """Where the client wants RTP and RTCP; on the RTSP connection its endpoint with the channels."""
    spec, host = setup.spec, _host_of(setup.request.source)
    if spec is None:
        return None, None
    if _channels(setup) is not None:
        return _interleaved(setup.request.source, _channels(setup))
    if spec.is_multicast:
        group = spec.param("destination") or ""
        return _endpoints(group, spec.multicast_ports or spec.client_ports)
    stated = spec.destination_endpoints or (setup.asked.destination_endpoints if setup.asked else ())
    if stated:
        return _stated(stated, host)
    ports = spec.client_ports or (setup.asked.client_ports if setup.asked else None)
    return _endpoints(_address_of(spec.param("destination")) or host, ports)


def server_addresses(setup: Setup) -> Pair:
    """Where the server wants RTP and RTCP; unknown where its response was not seen."""
    spec, host = setup.settled, _host_of(setup.request.destination)
    if _channels(setup) is not None:
        return _interleaved(setup.request.destination, _channels(setup))
    if spec is None or spec.is_multicast:
        return None, None
    if spec.source_endpoints:
        return _stated(spec.source_endpoints, host)
    return _endpoints(_address_of(spec.param("source")) or host, spec.server_ports)


def _channels(setup: Setup) -> tuple[int, int | None] | None:
    for spec in (setup.settled, setup.asked):
        if spec is not None and spec.interleaved is not None:
            return spec.interleaved
    return None


def _interleaved(endpoint: str, channels: tuple[int, int | None] | None) -> Pair:
    if channels is None:
        return None, None
    rtp, rtcp = channels
    rtcp = rtp + 1 if rtcp is None else rtcp
    return endpoint + interleaved_suffix(rtp), endpoint + interleaved_suffix(rtcp)


def _host_of(endpoint: str) -> str:
    return endpoint.rpartition(":")[0].strip("[]")


def _address_of(text: str | None) -> str | None:
    """An address out of a header; None for a name, which says nothing of where packets go."""
    return text if text and spell_host(text) else None


def _endpoints(host: str, ports: tuple[int, int | None] | None) -> Pair:
    spelled = spell_host(host)
    if ports is None or spelled is None or not 0 < ports[0] <= 0xFFFF:
        return None, None
    rtcp = ports[0] + 1 if ports[1] is None else ports[1]
    return f"{spelled}:{ports[0]}", f"{spelled}:{rtcp}"


def _stated(endpoints: tuple[str, ...], host: str) -> Pair:
    """`dest_addr` or `src_addr`: RTP, then RTCP, which is RTP's where only one is stated (RFC 7826 Appendix C.1.6)."""
    found = [match for text in endpoints[:2] if (match := _HOST_PORT.fullmatch(text)) is not None]
    pairs = [_endpoints(match[1] or host, (int(match[2]), None))[0] for match in found]
    return (pairs[0], pairs[-1]) if pairs else (None, None)


def describe(
    template: MediaDescription | None, spec: TransportSpec | None, endpoint: str | None, direction: str
) -> list[str]:
    """The lines of one medium as a side settles it: type and formats of the description, profile of the transport."""
    kind = template.type if template is not None and _WORD.fullmatch(template.type) else "application"
    formats = [word for word in template.formats if _WORD.fullmatch(word)] if template is not None else []
    proto = spec.proto if spec is not None else template.proto if template is not None else "RTP/AVP"
    proto = proto if _PROTO.fullmatch(proto) else "unknown"
    host, _, port = (endpoint or "").partition("$")[0].rpartition(":")
    lines = [f"m={kind} {port or DISCARD_PORT} {proto} {' '.join(formats or ['*'])}"]
    if host:
        family = "IP6" if ":" in host else "IP4"
        lines.append(f"c=IN {family} {host.strip('[]')}")
    if template is not None:
        lines += [f"a=rtpmap:{value}" for value in template.attribute_values("rtpmap") if value.isprintable()]
    return [*lines, f"a={direction}"]


def key_mgmt_lines(specs: Iterable[KeyMgmtSpec]) -> list[str]:
    """The `a=key-mgmt` lines that say what a KeyMgmt header says."""
    return [
        f"a=key-mgmt:{spec.protocol} {spec.data_text}"
        for spec in specs
        if _WORD.fullmatch(spec.protocol) and _DATA.fullmatch(spec.data_text)
    ]


def mikey_lines(spec: TransportSpec | None) -> list[str]:
    """The `a=key-mgmt` line that says what MIKEY in Transport says (RFC 7826 Appendix C.1.4.1)."""
    return [f"a=key-mgmt:mikey {spec.mikey}"] if spec is not None and spec.mikey and _DATA.fullmatch(spec.mikey) else []


def write_session(
    sessions: SessionReader,
    message: RtspSignallingMessage,
    party: Party,
    index: int,
    session_lines: list[str],
    media_lines: list[str],
) -> SdpBody | None:
    """A description whose medium number `index` is the one of `media_lines`; those before it only hold its place."""
    head = ["v=0", "o=- 0 0 IN IP4 0.0.0.0", "s=-", "t=0 0", *session_lines]
    place_holders = ["m=application 0 RTP/AVP 0"] * index
    text = "".join(f"{line}\r\n" for line in (*head, *place_holders, *media_lines))
    session = sessions.parse(text.encode())
    return None if session is None or len(session.media) <= index else SdpBody(message, session, party)


def side(body: SdpBody, media: MediaDescription, addresses: Pair) -> MediaSide:
    """One side of a media line at these addresses."""
    return MediaSide(body, media, *addresses)


def server_side(body: SdpBody, media: MediaDescription, setup: Setup | None) -> MediaSide:
    """The server as its description offers the medium; the direction from its own point of view.

    The port is the one that was settled: the description's 0 refuses nothing (RFC 2326 Appendix C.1.2).
    """
    sends = "recvonly" if setup is not None and setup.is_recording else "sendonly"
    direction = _SERVER_DOES.get(media.direction, sends)
    if setup is None:
        return side(body, media._replace(direction=direction), (None, None))
    addresses = server_addresses(setup)
    port = (addresses[0] or "").partition("$")[0].rpartition(":")[2]
    settled = media._replace(direction=direction, port=int(port) if port else DISCARD_PORT)
    return side(body, settled, addresses)


def client_direction(media: MediaDescription | None, setup: Setup) -> str:
    """What the client does on a medium, as the description and the transport's mode say."""
    does = "sendonly" if setup.is_recording else "recvonly"
    return does if media is None else _CLIENT_DOES.get(media.direction, does)


def opposite(direction: str) -> str:
    """The direction from the other side's point of view."""
    return _SERVER_DOES.get(direction, direction)


def medium_of(session: SessionDescription, uri: str, base: str) -> int | None:
    """Which medium a SETUP is for: the one whose control URI it names (RFC 2326 Appendix C.1.1), None if none fits."""
    wanted = _bare(uri)
    for media in session.media:
        control = control_of(media)
        if control is None:
            continue
        if _bare(_join(base, control)) == wanted or wanted.endswith("/" + _bare(control)):
            return media.index
    if len(session.media) == 1 and None in (control_of(session.media[0]), control_of(session)):
        return 0
    return None


def control_of(level: SessionDescription | MediaDescription) -> str | None:
    """The control URI of a session or a medium; blanks may stand before it (RFC 7826 §20.3)."""
    control = level.attribute("control")
    return control if control is None else control.strip()


def _join(base: str, control: str) -> str:
    if "://" in control[:16]:
        return control
    return base if control == "*" else f"{base.rstrip('/')}/{control.lstrip('/')}"


def _bare(uri: str) -> str:
    """A URI to compare by: without scheme, credentials and a last slash."""
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return scheme.strip("/")
    host, slash, path = rest.partition("/")
    return (host.rpartition("@")[2].lower() + slash + path).rstrip("/")
