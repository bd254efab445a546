# SPDX-License-Identifier: GPL-2.0-only
"""A sample: a call, the keys that open it, and what an auditor has to find; written as a capture and its sidecar.

The sidecar is a key file: `srtp-audit analyze CASE.pcapng --keys CASE.toml` reads its keys and passes over the table
`sample`. What is expected there is written down with the case, from the RFCs and the meaning of the verdicts; nothing
of it comes out of the auditor.
"""

import hashlib
import importlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType

from analyzer.capture.writer import PcapngWriter
from pcaps.calls import Call
from pcaps.rtsp_session import RtspSession
from pcaps.scripted import ScriptedCall

HERE = Path(__file__).resolve().parent
PASS, FAIL, UNKNOWN, NOT_APPLICABLE = "pass", "fail", "unknown", "not-applicable"
Outcomes = Mapping[str, str]

# What every rule says of a faultless call, by its keying; PRI-004 to PRI-009 stand in the overlay policy
# `priority`, DTL-006 and IDN-003 in `e2e-bcp`.
MIKEY_OUTCOMES: Outcomes = MappingProxyType(
    {
        "SIG-002": NOT_APPLICABLE, "SIG-010": NOT_APPLICABLE, "SIG-011": NOT_APPLICABLE,
        "PRO-001": PASS, "PRO-003": PASS, "PRO-004": PASS,
        "SDE-003": NOT_APPLICABLE, "SDE-004": NOT_APPLICABLE, "SDE-005": NOT_APPLICABLE, "SDE-006": NOT_APPLICABLE,
        "SDE-010": NOT_APPLICABLE, "SDE-011": NOT_APPLICABLE,
        "KMG-002": PASS, "KMG-003": PASS, "KMG-009": NOT_APPLICABLE,
        "MKY-001": PASS, "MKY-004": PASS, "MKY-005": PASS, "MKY-006": PASS,
        "MKY-007": PASS, "MKY-008": NOT_APPLICABLE, "MKY-009": PASS, "MKY-010": PASS, "MKY-011": NOT_APPLICABLE,
        "MKY-025": PASS,
        "PRI-001": PASS, "PRI-002": PASS, "PRI-003": PASS,
        "PRI-004": NOT_APPLICABLE, "PRI-005": NOT_APPLICABLE, "PRI-006": NOT_APPLICABLE,
        "PRI-007": PASS, "PRI-008": NOT_APPLICABLE, "PRI-009": PASS,
        "DTL-001": NOT_APPLICABLE, "DTL-006": NOT_APPLICABLE, "DTL-007": NOT_APPLICABLE,
        "SRT-001": PASS, "SRT-002": PASS, "SRT-003": PASS, "SRT-009": PASS,
        "IDN-001": NOT_APPLICABLE, "IDN-002": NOT_APPLICABLE, "IDN-003": NOT_APPLICABLE,
    }
)  # fmt: skip
# SDES over plain UDP always shows its key (RFC 4568 §8.3).
SDES_OUTCOMES: Outcomes = MIKEY_OUTCOMES | {
    "SIG-002": FAIL, **{rule: PASS for rule in MIKEY_OUTCOMES if rule.startswith("SDE")},
    **{rule: NOT_APPLICABLE for rule in MIKEY_OUTCOMES if rule.startswith(("KMG", "MKY"))},
    "PRI-007": NOT_APPLICABLE,
}  # fmt: skip
# Of a call whose lists stand, with priorities, inside authenticated messages.
LISTED_OUTCOMES: Outcomes = MIKEY_OUTCOMES | dict.fromkeys(("PRI-004", "PRI-005", "PRI-006", "PRI-008"), PASS)
PLAIN_OUTCOMES: Outcomes = dict.fromkeys(MIKEY_OUTCOMES, NOT_APPLICABLE)


@dataclass(frozen=True)
class Expected:
    """What an auditor has to say: verdict and reasons of the media line, and every rule.

    `chosen` and `winner` are key agreement and suite ("" for none); `rule` and `suite_rule` the selection rules that
    govern ("" where nothing is negotiated); `verified` and `wire` as in a report ("" for null, and for no streams);
    `outside` has `verified` of each MIKEY message outside the call; `rtcp_clear` counts clear RTCP packets; `missing`
    says of each rule whose outcome is unknown what was missing.
    """

    verdict: str = "conform"
    reasons: tuple[str, ...] = ()
    chosen: tuple[str, str] = ("", "")
    winner: tuple[str, str] = ("", "")
    rule: str = ""
    suite_rule: str = ""
    verified: str = "true"
    wire: tuple[str, ...] = ("proved", "proved")
    outcomes: Outcomes = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    rtcp_clear: int = 0
    exit_code: int = 0
    outside: tuple[str, ...] = ()


def expect_no_media(reason: str, exit_code: int = 0, *, rule: str = "", **outcomes: str) -> Expected:
    """Of a call without media; `outcomes` are those that differ from a plain call's (`SIG_010` names SIG-010)."""
    said = {name.replace("_", "-"): outcome for name, outcome in outcomes.items()}
    return Expected(
        verdict="no-media",
        reasons=(reason,),
        rule=rule,
        verified="",
        wire=(),
        outcomes={**PLAIN_OUTCOMES, **said},
        exit_code=exit_code,
    )


@dataclass(frozen=True)
class Sample:
    """One capture: the call, its one flaw ("" for none) with the clause, its twin, its keys, what to expect.

    `earlier` are faultless calls of the same capture, which the flaw has to do with.
    """

    name: str
    title: str
    call: Call | RtspSession | ScriptedCall
    expected: Expected
    program: str
    flaw: str = ""
    clause: str = ""
    twin: str = ""
    keys: str = ""
    earlier: tuple[Call, ...] = ()
    inventory: str = ""  # a file in `inventories`, for --inventory

    @property
    def calls(self) -> tuple[Call | RtspSession | ScriptedCall, ...]:
        """All calls of the capture, the one that is judged last."""
        return (*self.earlier, self.call)

    def pcapng(self) -> bytes:
        """The capture."""
        stream = io.BytesIO()
        writer = PcapngWriter(stream, comment=self.title)
        packets = sorted((packet for call in self.calls for packet in call.packets()), key=lambda one: one.timestamp_ns)
        for packet in packets:
            writer.write(packet.timestamp_ns, packet.frame)
        return stream.getvalue()

    def write(self, folder: Path) -> None:
        """Capture and sidecar into a folder."""
        octets = self.pcapng()
        (folder / f"{self.name}.pcapng").write_bytes(octets)
        sidecar = "\n".join(render_sidecar(self, hashlib.sha256(octets).hexdigest()))
        (folder / f"{self.name}.toml").write_text(sidecar + "\n", encoding="utf-8")


def quoted(value: object) -> str:
    """A TOML value: text, number, or an array of them."""
    if isinstance(value, tuple):
        return f"[{', '.join(quoted(one) for one in value)}]"
    return str(value) if isinstance(value, int) else f'"{value}"'


def render_sidecar(sample: Sample, sha256: str) -> Iterator[str]:
    """The lines of a sidecar: the key ring first, then the sample and what is expected of it."""
    yield "# SPDX-License-Identifier: GPL-2.0-only"
    yield f"# Made by `python -m pcaps` from {sample.program}.py; the keys protect nothing but this sample."
    if sample.keys:
        yield ""
        yield sample.keys.strip()
    yield ""
    yield "[sample]"
    about = {
        "title": sample.title, "source": f"synthetic: pcaps/{sample.program}.py", "licence": "GPL-2.0-only",
        "sha256": sha256, "flaw": sample.flaw, "clause": sample.clause, "twin": sample.twin,
        "inventory": sample.inventory,
        "sip_messages": sum(call.messages for call in sample.calls),
        "rtp_packets": sum(call.media_packets for call in sample.calls),
    }  # fmt: skip
    if isinstance(sample.call, RtspSession):
        about |= {"rtsp_messages": sample.call.rtsp_messages, "carriage": sample.call.carriage.value}
    yield from (f"{name} = {quoted(value)}" for name, value in about.items() if value != "")
    yield from render_expected(sample.expected)


def render_expected(expected: Expected) -> Iterator[str]:
    """The tables of what is expected."""
    yield ""
    yield "[sample.expected]"
    for one in fields(expected):
        if one.name not in ("outcomes", "missing") and (one.name != "outside" or expected.outside):
            yield f"{one.name} = {quoted(getattr(expected, one.name))}"
    yield ""
    yield "[sample.expected.outcomes]"
    yield from (f'{rule} = "{outcome}"' for rule, outcome in expected.outcomes.items())
    if expected.missing:
        yield ""
        yield "[sample.expected.missing]"
        yield from (f'{rule} = "{what}"' for rule, what in expected.missing.items())


def psk_keys(key: bytes, identity: str) -> str:
    """A pre-shared key as the key ring has it, bound by an identity."""
    return f'[[psk]]\nkey = "text:{key.decode()}"\nid = "{identity}"\n'


def all_samples() -> tuple[Sample, ...]:
    """The samples of every case program, in the order of their names."""
    found: list[Sample] = []
    for path in sorted(HERE.glob("*.py")):
        if "\nSAMPLES = " in path.read_text(encoding="utf-8"):
            found.extend(importlib.import_module(f"pcaps.{path.stem}").SAMPLES)
    return tuple(found)
