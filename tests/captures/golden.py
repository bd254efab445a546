# SPDX-License-Identifier: GPL-2.0-only
"""What the program says of every real capture, in one table: `python -m tests.captures.golden` writes it anew."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from analyzer.model.report import Report
from analyzer.rules.exit_decision import decide_exit_code
from tests.captures.end_to_end import document_of, every_capture, report_of

TABLE = Path(__file__).with_name("golden.json")


def row_of(report: Report, document: dict[str, Any]) -> dict[str, Any]:
    """Exit code and counts of one capture, audited without keys; small enough to be read by a person."""
    outside = [outcome for each in (*document["streams"], *document["messages"]) for outcome in each["outcomes"]]
    outcomes = [outcome for call in document["calls"] for outcome in call["outcomes"]] + outside
    media = [media for call in document["calls"] for media in call["media"]]
    streams = [stream for line in media for stream in line["streams"]]
    return {
        "exit": int(decide_exit_code(report)),
        "calls": len(document["calls"]),
        "messages": sum(len(call["messages"]) for call in document["calls"]) + len(document["messages"]),
        "tls": len(document["tls_flows"]),
        "media": counted(f"{one['verdict']}: {', '.join(one['reasons'])}".rstrip(": ") for one in media),
        "chosen": counted(f"{one['chosen']['key_agreement']} {one['chosen']['suite']}" for one in media),
        "streams": counted(f"{one['protection']} {one['wire']}" for one in streams),
        "outside": counted(f"{one['protection']} {one['wire']}" for one in document["streams"]),
        "fail": counted(one["rule"] for one in outcomes if one["outcome"] == "fail"),
        "unknown": counted(one["rule"] for one in outcomes if one["outcome"] == "unknown"),
        "defects": sorted(defect["code"] for defect in document["captures"][0]["defects"]),
    }


def counted(words: Any) -> dict[str, int]:
    """How often each word occurs, in alphabetical order."""
    return dict(sorted(Counter(words).items()))


def read_table() -> dict[str, Any]:
    """The table as it was last blessed."""
    loaded: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.is_file() else {}
    return loaded


def bless() -> None:
    """Write the table anew; what changed is for a person to read in the diff."""
    reports = ((name, report_of(name)) for name in every_capture())
    table = {name: row_of(report, document_of(report)) for name, report in reports}
    rows = (f" {json.dumps(name)}: {json.dumps(row)}" for name, row in table.items())
    TABLE.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    bless()
