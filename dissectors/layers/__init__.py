# SPDX-License-Identifier: GPL-2.0-only
"""The Scapy face of the grammar: SIP, RTSP, SDP, MIKEY, RTP, SRTP, RTCP and SRTCP as layers that read, show and build.

Importing this package binds nothing in Scapy: `bind()` ties SIP to port 5060, RTSP to 554 and MIKEY to UDP port
2269, and `bind_srtp()` SRTP to a destination, which no port number can tell.
"""

from scapy.layers.inet import TCP, UDP
from scapy.packet import Packet, bind_layers, split_layers

from dissectors.layers.base import (
    OpaqueOctets,
    UnreadOctets,
)
from dissectors.layers.mikey import (
    MIKEY,
    MIKEY_CERT,
    MIKEY_CHASH,
    MIKEY_CS,
    MIKEY_DH,
    MIKEY_ERR,
    MIKEY_ESK,
    MIKEY_IBAKE,
    MIKEY_ID,
    MIKEY_IDR,
    MIKEY_KEMAC,
    MIKEY_PKE,
    MIKEY_RAND,
    MIKEY_RANDR,
    MIKEY_SAKKE,
    MIKEY_SIGN,
    MIKEY_SP,
    MIKEY_T,
    MIKEY_TICKET,
    MIKEY_TP,
    MIKEY_TR,
    MIKEY_V,
    MIKEY_CS_Generic,
    MIKEY_GeneralExtension,
    MIKEY_KeyData,
    MIKEY_SP_Param,
)
from dissectors.layers.rtsp import (
    RTSP,
    RTSP_Header,
    RTSP_Interleaved,
    RTSP_KeyMgmt,
    RTSP_KeyMgmtMessage,
    RTSP_Transport,
    RTSP_TransportSpec,
)
from dissectors.layers.sdp import (
    SDP,
    SDP_Attribute,
    SDP_Line,
    SDP_Media,
)
from dissectors.layers.sdp_attributes import (
    SDP_ActualConfiguration,
    SDP_AttributeCapability,
    SDP_Crypto,
    SDP_CryptoKey,
    SDP_Fingerprint,
    SDP_KeyMgmt,
    SDP_PotentialConfiguration,
    SDP_TransportCapabilities,
)
from dissectors.layers.sip import (
    SIP,
    SIP_Body,
    SIP_CodedBody,
    SIP_Header,
    SIP_Multipart,
    SIP_Part,
)
from dissectors.layers.srtcp import (
    RTCP,
    RTCP_APP,
    RTCP_BYE,
    RTCP_RR,
    RTCP_SDES,
    RTCP_SR,
    SRTCP,
    RTCP_Chunk,
    RTCP_Item,
    RTCP_Packet,
    RTCP_ReportBlock,
)
from dissectors.layers.srtp import (
    RTP,
    SRTP,
    forget_srtp_lengths,
    set_srtp_lengths,
)
from dissectors.layers.trees import (
    describe_payload,
)

__all__ = [
    "MIKEY",
    "MIKEY_CERT",
    "MIKEY_CHASH",
    "MIKEY_CS",
    "MIKEY_DH",
    "MIKEY_ERR",
    "MIKEY_ESK",
    "MIKEY_IBAKE",
    "MIKEY_ID",
    "MIKEY_IDR",
    "MIKEY_KEMAC",
    "MIKEY_PKE",
    "MIKEY_RAND",
    "MIKEY_RANDR",
    "MIKEY_SAKKE",
    "MIKEY_SIGN",
    "MIKEY_SP",
    "MIKEY_T",
    "MIKEY_TICKET",
    "MIKEY_TP",
    "MIKEY_TR",
    "MIKEY_V",
    "RTCP",
    "RTCP_APP",
    "RTCP_BYE",
    "RTCP_RR",
    "RTCP_SDES",
    "RTCP_SR",
    "RTP",
    "RTSP",
    "SDP",
    "SIP",
    "SRTCP",
    "SRTP",
    "MIKEY_CS_Generic",
    "MIKEY_GeneralExtension",
    "MIKEY_KeyData",
    "MIKEY_SP_Param",
    "OpaqueOctets",
    "RTCP_Chunk",
    "RTCP_Item",
    "RTCP_Packet",
    "RTCP_ReportBlock",
    "RTSP_Header",
    "RTSP_Interleaved",
    "RTSP_KeyMgmt",
    "RTSP_KeyMgmtMessage",
    "RTSP_Transport",
    "RTSP_TransportSpec",
    "SDP_ActualConfiguration",
    "SDP_Attribute",
    "SDP_AttributeCapability",
    "SDP_Crypto",
    "SDP_CryptoKey",
    "SDP_Fingerprint",
    "SDP_KeyMgmt",
    "SDP_Line",
    "SDP_Media",
    "SDP_PotentialConfiguration",
    "SDP_TransportCapabilities",
    "SIP_Body",
    "SIP_CodedBody",
    "SIP_Header",
    "SIP_Multipart",
    "SIP_Part",
    "UnreadOctets",
    "bind",
    "bind_srtp",
    "describe_payload",
    "unbind",
]

SIP_PORT = 5060
RTSP_PORT = 554
MIKEY_PORT = 2269
_PORTS: tuple[tuple[type[Packet], type[Packet], int], ...] = (
    (UDP, SIP, SIP_PORT),
    (TCP, SIP, SIP_PORT),
    (TCP, RTSP, RTSP_PORT),
    (UDP, RTSP, RTSP_PORT),
    (UDP, MIKEY, MIKEY_PORT),
)
_media_ports: set[int] = set()


def bind() -> None:
    """Let Scapy read SIP (UDP and TCP 5060, RFC 3261 §19.1.2), RTSP (554) and MIKEY (UDP 2269, IANA) from now on."""
    unbind()
    for transport, layer, port in _PORTS:
        bind_layers(transport, layer, sport=port)
        bind_layers(transport, layer, dport=port)


def bind_srtp(address: str, port: int, tag_octets: int = 0, mki_octets: int = 0) -> None:
    """Let Scapy read UDP to `port` as SRTP from now on; to `address`, with a tag and an MKI of these lengths."""
    set_srtp_lengths(address, port, tag_octets, mki_octets)
    if port not in _media_ports:
        bind_layers(UDP, SRTP, dport=port)
        _media_ports.add(port)


def unbind() -> None:
    """Take back all that `bind` and `bind_srtp` did."""
    for transport, layer, port in _PORTS:
        split_layers(transport, layer, sport=port)
        split_layers(transport, layer, dport=port)
    for port in _media_ports:
        split_layers(UDP, SRTP, dport=port)
    _media_ports.clear()
    forget_srtp_lengths()
