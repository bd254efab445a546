# SPDX-License-Identifier: GPL-2.0-only
"""Calls written in the lines of `pcaps.flow_script`, as samples take them."""

from dataclasses import dataclass
from functools import cached_property

from analyzer.capture.frames import build_udp_frame
from pcaps.calls import Packet
from pcaps.flow_script import Datagram, FlowScript


@dataclass(frozen=True)
class ScriptedCall:
    """A call flow without media of its own; several calls where its lines have several."""

    name: str
    lines: str

    @cached_property
    def datagrams(self) -> list[Datagram]:
        """What goes over the wire."""
        return FlowScript(self.name).run(self.lines)

    @property
    def messages(self) -> int:
        """SIP messages of the flow."""
        return len(self.datagrams)

    @property
    def media_packets(self) -> int:
        """RTP packets of the flow."""
        return 0

    def packets(self) -> tuple[Packet, ...]:
        """The frames of the flow in time order."""
        return tuple(Packet(time_ns, build_udp_frame(*ends, octets)) for time_ns, *ends, octets in self.datagrams)
