# SPDX-License-Identifier: GPL-2.0-only
"""Endpoints on a channel of an RTSP connection: `10.0.0.1:554$0`, where the packets of others have `10.0.0.1:554`."""


def interleaved_suffix(channel: int) -> str:
    """What an endpoint ends with on a channel of an RTSP connection (RFC 2326 §10.12): `$0`; "" below channel 0."""
    return f"${channel}" if channel >= 0 else ""


def split_interleaved(endpoint: str) -> tuple[str, int | None]:
    """An endpoint without its channel, and the channel: `10.0.0.1:554$0` → `10.0.0.1:554`, 0; None without one."""
    plain, _, channel = endpoint.partition("$")
    return (plain, int(channel)) if channel.isascii() and channel.isdigit() else (endpoint, None)
