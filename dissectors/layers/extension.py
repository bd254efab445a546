# SPDX-License-Identifier: GPL-2.0-only
"""The layers under the name `scapy.layers.srtp_audit`: `load_layer("srtp_audit")` brings them into a session, bound."""

from dissectors.layers import *  # noqa: F403
from dissectors.layers import __all__, bind

__all__ = list(__all__)
bind()
