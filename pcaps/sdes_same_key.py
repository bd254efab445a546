# SPDX-License-Identifier: GPL-2.0-only
"""The answer sends the offer's own key back.

`sdes_same_key`: both directions run under one master key (RFC 4568 §7.1.2: it MUST differ); only the SSRCs keep the
keystreams apart. `sdes_same_key_twin`: each side has its own.
"""

from dataclasses import replace

from pcaps.samples import FAIL, Sample
from pcaps.sdes_calls import ALICES_KEY, EXPECTED, sdes_call

SAMPLES = (
    Sample(
        "sdes_same_key",
        "One SDES key for both directions",
        sdes_call("sdes_same_key", answered=ALICES_KEY),
        replace(EXPECTED, outcomes={**EXPECTED.outcomes, "SDE-005": FAIL}),
        "sdes_same_key",
        flaw="the answer's key is the offer's",
        clause="RFC 4568 §7.1.2",
        twin="sdes_same_key_twin",
    ),
    Sample("sdes_same_key_twin", "A key for each direction", sdes_call("sdes_same_key"), EXPECTED, "sdes_same_key"),
)
