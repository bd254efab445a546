# SPDX-License-Identifier: GPL-2.0-only
"""tshark reads every sample: nothing malformed, and as many messages and media packets as the sidecar says."""

import subprocess

import pytest

from tests.samples.sample_cases import FOLDER, NAMES, SIDECARS

# Wireshark has no keys, and reads the cipher text behind the first eight octets of SRTCP as reports all the same.
BUT_SRTCP = "_ws.malformed && !srtcp"


def tshark(name: str, display_filter: str, *fields: str) -> list[str]:
    """The rows of fields that tshark prints of the frames a filter takes."""
    options = [option for field in fields for option in ("-e", field)]
    command = ("tshark", "-r", str(FOLDER / f"{name}.pcapng"), "-Y", display_filter, "-T", "fields", *options)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


@pytest.mark.tool("tshark")
@pytest.mark.parametrize("name", NAMES)
def test_tshark_reads_the_same_messages_and_media(name: str) -> None:
    if SIDECARS[name].get("carriage") == "tunnel":  # Wireshark does not look into RTSP tunnels in HTTP
        assert len(tshark(name, 'http.content_type contains "rtsp-tunnelled"', "frame.number")) == 1
        return
    rows = tshark(name, "sip || rtp", "frame.number", "sip.CSeq", "rtp.ssrc")
    columns = [row.split("\t") for row in rows]
    rtcp_is_clear = SIDECARS[name]["expected"]["rtcp_clear"]
    assert not tshark(name, BUT_SRTCP, "frame.number")
    if rtcp_is_clear:  # in the call that is judged; those before it may be protected
        begins = max(int(row[0]) for row in columns if row[1].endswith("INVITE"))
        assert all(int(frame) < begins for frame in tshark(name, "_ws.malformed", "frame.number"))
    assert sum(bool(row[1]) for row in columns) == SIDECARS[name]["sip_messages"]
    # Of interleaved SAVP it shows the channel: RTP's is 0.
    channels = tshark(name, "rtsp.channel == 0", "frame.number")
    assert sum(bool(row[2]) for row in columns) + len(channels) == SIDECARS[name]["rtp_packets"]
    assert len(tshark(name, "rtsp.request || rtsp.response", "frame.number")) == SIDECARS[name].get("rtsp_messages", 0)
