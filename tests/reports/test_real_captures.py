# SPDX-License-Identifier: GPL-2.0-only
"""Reports of real calls: the JSON keeps to its schema, and no output shows the keys that the sidecars state."""

import io
import json
from pathlib import Path

import pytest

from analyzer.api import audit
from reports.html_report import render_html
from reports.json_report import render_json
from reports.pen import Pen
from reports.terminal import render_terminal
from tests.reports.test_json_report import VALIDATOR

CALLS = (
    "peers/baresip/udp_sdes_cm80_mand.pcap",
    "peers/baresip/tcp_sdes_cm80_mand.pcap",
    "peers/baresip/udp_sdes_mand_rejected.pcap",
    "peers/baresip/udp_plain_pcmu.pcap",
    "peers/linphone/zrtp.pcap",
    "public/wireshark-wiki/SampleCaptures/mikey_psk.pcap",
)


def inline_keys(octets: bytes) -> set[str]:
    return {piece.split(b"|")[0].split()[0].decode() for piece in octets.split(b"inline:")[1:]}


@pytest.mark.captures
@pytest.mark.parametrize("name", CALLS)
def test_reports_of_real_calls(captures: Path, name: str) -> None:
    report = audit([captures / name])
    stream = io.StringIO()
    render_terminal(report, Pen(stream, 100), verbose=True)
    document = render_json(report)
    VALIDATOR.validate(json.loads(document))
    keys = inline_keys((captures / name).read_bytes())
    assert bool(keys) == ("sdes" in name)
    for output in (document, render_html(report), stream.getvalue()):
        assert not [key for key in keys if key in output]
