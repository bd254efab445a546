# SPDX-License-Identifier: GPL-2.0-only
"""A key that crosses the wire compressed or encoded is as readable as one that does not."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pcaps.flow_script import FlowScript
from reports.html_report import render_html
from reports.json_report import render_json
from tests.calls.flow_calls import audit_datagrams

CALL = "A>B INVITE A{0}\nB>A 200 B{0}\nA>B ACK\nA~B 12\nA>B BYE\nB>A 200"
SDP = b"Content-Type: application/sdp"


def rewritten(octets: bytes, code: Callable[[bytes], tuple[bytes, bytes]]) -> bytes:
    """The message with its body, and what says how that is coded, as `code` gives them."""
    head, _, body = octets.partition(b"\r\n\r\n")
    if SDP not in head:
        return octets
    told, coded = code(body)
    head = head.replace(SDP, told).partition(b"\r\nContent-Length:")[0]
    return head + b"\r\nContent-Length: %d\r\n\r\n" % len(coded) + coded


def in_part(body: bytes) -> tuple[bytes, bytes]:
    part = b"--b\r\nContent-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n--b--\r\n"
    return b"Content-Type: multipart/mixed;boundary=b", part % base64.encodebytes(body)


@pytest.mark.parametrize(
    "code",
    [
        lambda body: (SDP + b"\r\nContent-Encoding: gzip", gzip.compress(body, mtime=0)),
        lambda body: (SDP + b"\r\ne: deflate", zlib.compress(body)),
        in_part,
    ],
    ids=["gzip", "deflate", "base64"],
)
@pytest.mark.parametrize(("keyed", "says"), [("", "fail"), (".cap", "fail"), (".avp", "not-applicable")])
def test_a_coded_key_is_readable(
    code: Callable[[bytes], tuple[bytes, bytes]], keyed: str, says: str, tmp_path: Path
) -> None:
    script = FlowScript("coded").run(CALL.format(keyed))
    report = audit_datagrams([(*rest, rewritten(octets, code)) for *rest, octets in script], tmp_path)
    (call,) = report.calls
    assert [media.line.answer is not None for media in call.media] == [True]
    assert [one.outcome.value for one in call.outcomes if one.rule == "SIG-002"] == [says]
    shown = json.dumps(json.loads(render_json(report))) + render_html(report)
    for *_, octets in script:
        for key in (line.partition(b"inline:")[2] for line in octets.split(b"\r\n") if b"inline:" in line):
            assert key.decode() not in shown
