# SPDX-License-Identifier: GPL-2.0-only
"""The Scapy face of the grammar: SIP, SDP, MIKEY, RTP, SRTP, RTCP and SRTCP as layers that read, show and build.

Importing this package changes nothing in Scapy; `bind()` ties SIP to port 5060 and MIKEY to UDP port 2269.
"""

from scapy.layers.inet import TCP, UDP
from scapy.packet import bind_layers, split_layers

from dissectors.layers import mikey, sdp, sdp_attributes, sip
from dissectors.layers.base import OpaqueOctets, UnreadOctets
from dissectors.layers.mikey import *  # noqa: F403
from dissectors.layers.sdp import *  # noqa: F403
from dissectors.layers.sdp_attributes import *  # noqa: F403
from dissectors.layers.sip import *  # noqa: F403
