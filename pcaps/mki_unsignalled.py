# SPDX-License-Identifier: GPL-2.0-only
"""Packets have a master key identifier that no crypto line speaks of (RFC 3711 §3.1, §3.2.1, RFC 4568 §6.1).

`mki_unsignalled`: four octets stand before each tag of both phones, and neither line names an MKI.
`mki_unsignalled_twin`: both lines name it.
"""

from dataclasses import replace

from pcaps.keying import CM_80, SdesKey
from pcaps.samples import FAIL, Sample
from pcaps.sdes_calls import EXPECTED, sdes_call

MKI = bytes((0, 0, 0, 7))
NAMED = tuple(SdesKey(1, CM_80, owner, mki=MKI) for owner in ("alice", "bob"))
SILENT = tuple(replace(key, named=False) for key in NAMED)

SAMPLES = (
    Sample(
        "mki_unsignalled",
        "An MKI that nobody signalled",
        sdes_call("mki_unsignalled", *SILENT),
        replace(EXPECTED, outcomes={**EXPECTED.outcomes, "SRT-009": FAIL}),
        "mki_unsignalled",
        flaw="the packets have an MKI of 4 octets, and the crypto lines name none",
        clause="RFC 3711 §3.2.1",
        twin="mki_unsignalled_twin",
    ),
    Sample(
        "mki_unsignalled_twin",
        "An MKI that both crypto lines name",
        sdes_call("mki_unsignalled", *NAMED),
        EXPECTED,
        "mki_unsignalled",
    ),
)
