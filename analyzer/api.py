# SPDX-License-Identifier: GPL-2.0-only
"""The whole way through, for programs: captures in, one report out.

`audit(paths)` reads files; a live source feeds a `Reading` batch by batch and asks an `Auditor` for each call as it
ends and for the report when it stops. Both take the same stages, so they give the same report of the same packets.
"""

from collections.abc import Sequence
from pathlib import Path

from analyzer.auditor import Auditor
from analyzer.cycles import no_search_for_cycles
from analyzer.evidence.reading_ahead import CaptureReader
from analyzer.gathering import Progress, gather
from analyzer.judging import Render
from analyzer.keying.key_ring import KeyRing
from analyzer.model.policy import Policy
from analyzer.model.report import Report
from analyzer.negotiation.inventory import Inventory
from analyzer.policies import DEFAULT_POLICY, read_policy


@no_search_for_cycles()
def audit(
    paths: Sequence[Path | str],
    *,
    policy: Policy | None = None,
    ring: KeyRing | None = None,
    inventory: Inventory | None = None,
    progress: Progress | None = None,
    jobs: int = 1,
    render: Render | None = None,
    keep_calls: bool = True,
    digests: bool = True,
    ahead: CaptureReader | None = None,
) -> Report:
    """Audit captures (`-` is standard input) as one set; an unreadable one is reported and does not stop the others.

    With more than one of `jobs` large captures are scanned by as many threads, and much signalling is read by a child;
    the report is the same. Without `digests` the SHA-256 of plain files is left empty: of a large one it takes longer
    than the scan. `ahead` is a reading of the first capture that has begun already.
    Python's collector rests meanwhile (`analyzer.cycles`).
    Raises nothing for bad captures: `CaptureFacts.readable` and `defects` say what could not be read.
    """
    ring = ring or KeyRing()
    auditor = Auditor(policy or read_policy(DEFAULT_POLICY), ring, inventory or Inventory())
    gathered = gather(
        paths,
        ring.tls_secrets(),
        progress=progress,
        jobs=jobs,
        digests=digests,
        ahead=ahead,
        retry_seconds=auditor.policy.retry_seconds,
    )
    return auditor.report(
        gathered.facts,
        gathered.calls,
        gathered.readings,
        notes=gathered.notes,
        render=render,
        jobs=jobs,
        keep_calls=keep_calls,
    )
