# SPDX-License-Identifier: GPL-2.0-only
"""Whole audits of real captures: capture and keys in, report and its JSON out; truth from the sidecars."""

import functools
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import jsonschema

from analyzer.api import audit
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.model.keying import StreamAudit
from analyzer.model.report import Report
from reports.json_report import render_json

ROOT = Path(__file__).resolve().parent.parent.parent
CAPTURES = ROOT.parent / "shared" / "captures"
SCHEMA = json.loads((ROOT / "reports" / "schema" / "report-1.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
CAPTURE_NAME = re.compile(r".*\.(?:pcap|pcapng)(?:\.gz)?")
BAD = ("unprotected", "mismatch", "downgrade")
VALIDATED_CALLS = 40
SEVERE = ("medium", "high", "critical")


def every_capture() -> list[str]:
    """The names of all captures, relative to their folder; none where the folder is absent."""
    return sorted(str(path.relative_to(CAPTURES)) for path in CAPTURES.rglob("*") if CAPTURE_NAME.fullmatch(path.name))


def ring_of(toml: str) -> KeyRing:
    """A key ring as a key file with this text gives it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keys.toml"
        path.write_text(toml, encoding="utf-8")
        return read_key_ring(path)


@functools.lru_cache(maxsize=8)
def report_of(name: str, keys: str = "") -> Report:
    """The report of one capture of the folder, with the key file `keys`."""
    return audit([CAPTURES / name], ring=ring_of(keys))


def document_of(report: Report) -> dict[str, Any]:
    """The report's JSON, which keeps to the schema (of a generator's many calls, the first few are held to it)."""
    document: dict[str, Any] = json.loads(render_json(report))
    VALIDATOR.validate(document | {"calls": document["calls"][:VALIDATED_CALLS]})
    return document


def sidecar_of(name: str) -> dict[str, Any]:
    """What the capture's sidecar says of it."""
    path = CAPTURES / re.sub(r"(?:\.srtp|\.clear)?\.pcap(?:\.gz)?$", ".json", name)
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def streams_of(report: Report) -> list[StreamAudit]:
    """All audited streams, of calls first."""
    own = [stream for call in report.calls for media in call.media for stream in media.streams]
    return own + [each.audit for each in report.streams]


def check_verdicts_agree(document: dict[str, Any]) -> None:
    """Every bad verdict has a failure of medium severity or above, every open one something unknown."""
    for call in document["calls"]:
        for media in call["media"]:
            mine = [
                each
                for each in call["outcomes"]
                if each["media_index"] in (None, media["index"]) and each["exchange"] in (None, media["exchange"])
            ]
            if media["verdict"] in BAD:
                assert [o for o in mine if o["outcome"] == "fail" and o["severity"] in SEVERE], media["reasons"]
            if media["verdict"] == "inconclusive":
                assert [o for o in mine if o["outcome"] == "unknown"], media["reasons"]
