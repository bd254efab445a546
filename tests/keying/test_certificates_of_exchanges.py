# SPDX-License-Identifier: GPL-2.0-only
"""A certificate is compared with the fingerprints of the exchange that its handshake belongs to.

The handshakes are written here record by record (RFC 6347 §4), hellos and certificates alone.
"""

import hashlib
from pathlib import Path

import pytest

from pcaps.flow_script import Datagram, FlowScript
from tests.calls.flow_calls import audit_datagrams

USE_SRTP = bytes.fromhex("000e00050002000100")
CALL = "A>B INVITE A.dtls{0}\nB>A 200 B.dtls{1}\nA>B ACK"
BYE = "A>B BYE\nB>A 200"


def certificate(letter: str, key: str) -> bytes:
    """What `pcaps.flow_script` takes the fingerprint of."""
    return f"srtp-audit flow: certificate {letter} {key}".encode()


def record(*messages: tuple[int, bytes]) -> bytes:
    octets = b""
    for number, (kind, body) in enumerate(messages):
        size = len(body).to_bytes(3, "big")
        octets += bytes((kind,)) + size + number.to_bytes(2, "big") + bytes(3) + size + body
    return bytes.fromhex("16fefd") + bytes(8) + len(octets).to_bytes(2, "big") + octets


def hello(name: str, *, client: bool) -> bytes:
    random = hashlib.sha256(name.encode()).digest()
    suites = bytes.fromhex("00000002c02b0100" if client else "00c02b00")
    return b"\xfe\xfd" + random + suites + len(USE_SRTP).to_bytes(2, "big") + USE_SRTP


def shown(octets: bytes) -> tuple[int, bytes]:
    one = len(octets).to_bytes(3, "big") + octets
    return 11, len(one).to_bytes(3, "big") + one


def play(script: FlowScript, steps: list[str]) -> list[Datagram]:
    """Lines of the flow; `client NAME` and `server NAME K` are Bob's hello, and Alice's with both certificates."""
    ends = tuple(f"{script.host(one)}:{script.port(one, [])}" for one in "BA")
    for step in steps:
        what, *words = step.split(" ")
        if what == "client":
            script.datagrams.append((script.time_ns, *ends, record((1, hello(words[0], client=True)))))
        elif what == "server":
            answer = record((2, hello("s" + words[0], client=False)), shown(certificate("A", words[1])))
            script.datagrams.append((script.time_ns, *ends[::-1], answer))
            script.datagrams.append((script.time_ns + 1, *ends, record(shown(certificate("B", words[-1])))))
        else:
            script.run(step)
            continue
        script.time_ns += 20_000_000
    return sorted(script.datagrams, key=lambda one: one[0])


FIRST, SECOND = CALL.format("", ""), CALL.format(".k2", ".k2")
OTHER_CALL = "\n".join(f"{line} call=2" for line in SECOND.splitlines())


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([FIRST, "client a", "server a 1", BYE], ["pass"]),
        ([FIRST, "client a", "server a 1 2", BYE], ["fail"]),
        ([FIRST, "client a", "server a 1", SECOND, "client b", "server b 2", BYE], ["pass", "pass"]),
        ([FIRST, "client a", "server a 1", SECOND, "wait 1", "client b", "server b 1", BYE], ["pass", "fail"]),
        ([FIRST, "client a", "server a 1", SECOND, "wait 1", "client b", "server b 2 1", BYE], ["pass", "fail"]),
        ([FIRST, "client a", "server a 1", SECOND, "client b", "server b 1", BYE], ["pass", "unknown"]),
        ([FIRST, "client a", SECOND, "wait 1", "server a 1", "client b", "server b 2", BYE], ["pass", "pass"]),
        ([FIRST, "client a", SECOND, "wait 1", "server a 3", "client b", "server b 2", BYE], ["fail", "pass"]),
        ([FIRST, "client a", "server a 1", SECOND, BYE], ["pass", "unknown"]),
        (
            [
                FIRST,
                "client a",
                "server a 1",
                SECOND.replace("A.dtls.k2", "A.dtls.k2 unseen"),
                "client b",
                "server b 2",
            ],
            ["pass", "unknown"],
        ),
        ([FIRST, "client a", "server a 1", SECOND.replace("k2", "k2 unseen"), "client b", "server b 2"], ["unknown"]),
    ],
)
def test_a_re_invite_that_changes_certificates(steps: list[str], says: list[str], tmp_path: Path) -> None:
    (call,) = audit_datagrams(play(FlowScript("anew"), steps), tmp_path).calls
    assert [one.outcome.value for one in call.outcomes if one.rule == "DTL-001"] == says


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([FIRST, "client a", "server a 1", BYE, "wait 1", OTHER_CALL, "client b", "server b 2"], ["pass", "pass"]),
        ([FIRST, "client a", "server a 1", "wait 1", OTHER_CALL, "client b", "server b 2"], ["pass", "pass"]),
        ([FIRST, BYE, "wait 1", OTHER_CALL, "client b", "server b 2"], ["unknown", "pass"]),
        ([FIRST, BYE, "wait 1", OTHER_CALL.replace("k2", "k1"), "client b", "server b 1"], ["unknown", "pass"]),
        ([FIRST, "client a", "server a 1", BYE, "wait 1", OTHER_CALL.replace("k2", "k1")], ["pass", "unknown"]),
    ],
)
def test_calls_that_use_the_same_ports_one_after_the_other(steps: list[str], says: list[str], tmp_path: Path) -> None:
    report = audit_datagrams(play(FlowScript("ports"), steps), tmp_path)
    found = [one.outcome.value for call in report.calls for one in call.outcomes if one.rule == "DTL-001"]
    assert found == says


def test_a_handshake_of_the_call_before_protects_no_plain_call(tmp_path: Path) -> None:
    plain = "A>B INVITE A.avp call=2\nB>A 200 B.avp call=2\nA>B ACK call=2\nA>B BYE call=2\nB>A 200 call=2"
    steps = [FIRST, "client a", "server a 1", BYE, "wait 1", plain]
    _, later = audit_datagrams(play(FlowScript("plain"), steps), tmp_path).calls
    assert [media.verdict.value for media in later.media] == ["unprotected"]
