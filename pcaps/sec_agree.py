# SPDX-License-Identifier: GPL-2.0-only
"""A security agreement (RFC 3329) before a call that is set up on hold, so that no media flows.

`sec_agree_altered`: the client gives back another list than the server sent, and is served all the same.
`sec_agree_not_preferred`: the server prefers TLS, both have it, and the request comes without it.
`sec_agree_kept`: the list comes back as it was, and its most preferred mechanism is used.
"""

from pcaps.samples import FAIL, PASS, Sample, expect_no_media
from pcaps.scripted import ScriptedCall

LISTED = "digest;q=0.2;d-alg=MD5, tls;q=0.1"
LISTED_TLS_FIRST = "digest;q=0.1;d-alg=MD5, tls;q=0.2"


def agreement(name: str, listed: str, verify: str) -> ScriptedCall:
    """The request is refused with 494 and the server's list, and sent again with what the client makes of it."""
    client = "Security-Client: digest, tls | Require: sec-agree"
    credentials = 'Proxy-Authorization: Digest username="alice"'
    return ScriptedCall(name, f"""
        A>P INVITE A.avp.inactive | {client}
        P>A 494 | Security-Server: {listed}
        A>P ACK refused
        A>P INVITE A.avp.inactive | {client} | Security-Verify: {verify} | {credentials}
        P>A 200 B.avp.inactive
        A>P ACK
        A>P BYE | Security-Verify: {verify} | {credentials}
        P>A 200
    """)  # fmt: skip


SAMPLES = (
    Sample(
        "sec_agree_altered",
        "A security agreement whose list was altered on the way",
        agreement("sec_agree", LISTED, "digest;q=0.2;d-alg=MD5"),
        expect_no_media("inactive", 5, SIG_010=FAIL, SIG_011=PASS),
        "sec_agree",
        flaw="TLS is missing from the list that the client gives back",
        clause="RFC 3329 §2.3.1",
        twin="sec_agree_kept",
    ),
    Sample(
        "sec_agree_not_preferred",
        "A security agreement on TLS, and a request without it",
        agreement("sec_agree", LISTED_TLS_FIRST, LISTED_TLS_FIRST),
        expect_no_media("inactive", 5, SIG_010=PASS, SIG_011=FAIL),
        "sec_agree",
        flaw="the mechanism with the highest preference is not used",
        clause="RFC 3329 §2.3.1",
        twin="sec_agree_kept",
    ),
    Sample(
        "sec_agree_kept",
        "A security agreement that is kept",
        agreement("sec_agree", LISTED, LISTED),
        expect_no_media("inactive", SIG_010=PASS, SIG_011=PASS),
        "sec_agree",
    ),
)
