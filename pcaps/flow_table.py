# SPDX-License-Identifier: GPL-2.0-only
"""Call flows with what an auditor has to read in them: the examples of RFC 3665 and RFC 5359, and what real calls do.

`calls` says of each call: its state, then of each exchange how it was resolved and the verdict of each media line,
`-` where there is no media line. What is expected is written from the RFCs and the meaning of the verdicts; nothing
of it comes out of the auditor. `links` names calls that belong together, `loose` counts streams of no call.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from pcaps.flow_script import FlowScript, write_capture


@dataclass(frozen=True)
class Flow:
    """One flow: its lines (`pcaps.flow_script`) and what is expected of it."""

    name: str
    title: str
    lines: str
    calls: dict[str, str] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    loose: int = 0


CALL = "ended answered=conform"
SET_UP = """
    A>B INVITE A
    B>A 180
    B>A 200 B
    A>B ACK
    A~B 12
"""
HANG_UP = """
    A>B BYE
    B>A 200
"""
REFUSED = "rejected rejected=no-media"

RFC_3665 = (
    Flow("rfc3665-2.1", "Successful new registration",
         "A>P REGISTER callee=A\nP>A 401\nA>P REGISTER callee=A\nP>A 200"),
    Flow("rfc3665-2.2", "Update of contact list", "A>P REGISTER callee=A\nP>A 200"),
    Flow("rfc3665-2.3", "Request for current contact list", "A>P REGISTER callee=A\nP>A 200"),
    Flow("rfc3665-2.4", "Cancellation of registration", "A>P REGISTER callee=A | Expires: 0\nP>A 200"),
    Flow("rfc3665-2.5", "Unsuccessful registration",
         "A>P REGISTER callee=A\nP>A 401\nA>P REGISTER callee=A\nP>A 401"),
    Flow("rfc3665-3.1", "Successful session establishment", SET_UP + "B>A BYE\nA>B 200", {"1": CALL}),
    Flow("rfc3665-3.2", "Session establishment through two proxies", """
        A>P INVITE A
        P>A 407
        A>P ACK refused
        A>P INVITE A
        P>A 100
        P>Q INVITE A
        Q>P 100
        Q>B INVITE A
        B>Q 180
        Q>P 180
        P>A 180
        B>Q 200 B
        Q>P 200 B
        P>A 200 B
        A>P ACK
        P>Q ACK
        Q>B ACK
        A~B 12
        B>Q BYE
        Q>P BYE by=B
        P>A BYE by=B
        A>P 200
        P>Q 200
        Q>B 200
    """, {"1": CALL}),
    Flow("rfc3665-3.3", "Session with multiple proxy authentication", """
        A>P INVITE A
        P>A 407
        A>P ACK refused
        A>P INVITE A
        P>A 100
        P>Q INVITE A
        Q>P 407
        P>Q ACK refused
        P>A 407
        A>P ACK refused
        A>P INVITE A
        P>Q INVITE A
        Q>B INVITE A
        B>Q 180
        Q>P 180
        P>A 180
        B>Q 200 B
        Q>P 200 B
        P>A 200 B
        A>P ACK
        P>Q ACK
        Q>B ACK
        A~B 12
        A>P BYE
        P>Q BYE
        Q>B BYE
        B>Q 200
        Q>P 200
        P>A 200
    """, {"1": CALL}),
    Flow("rfc3665-3.4", "Successful session with proxy failure", """
        A>P INVITE A
        wait 0.5
        A>P INVITE again
        wait 1
        A>P INVITE again
        wait 30
        A>Q INVITE A cseq=1
        Q>A 407
        A>Q ACK refused
        A>Q INVITE A
        Q>B INVITE A
        B>Q 180
        Q>A 180
        B>Q 200 B
        Q>A 200 B
        A>Q ACK
        Q>B ACK
        A~B 12
        B>Q BYE
        Q>A BYE by=B
        A>Q 200
        Q>B 200
    """, {"1": CALL}),
    Flow("rfc3665-3.5", "Session through a SIP ALG that relays the media", """
        A>P INVITE A
        P>A 100
        P>B INVITE A.far
        B>P 180
        P>A 180
        B>P 200 B
        P>A 200 B.far
        A>P ACK
        P>B ACK
        A~B 12 A B.far
        B~A 12 B A.far
        B>P BYE
        P>A BYE by=B
        A>P 200
        P>B 200
    """, {"1": "ended answered=conform answered=conform"}),
    Flow("rfc3665-3.6", "Redirect and proxy servers, SDP in ACK", """
        A>R INVITE
        R>A 302 | Contact: <sip:bob@example.net>
        A>R ACK refused
        A>Q INVITE
        Q>A 100
        Q>B INVITE
        B>Q 180
        Q>A 180
        B>Q 200 B
        Q>A 200 B
        A>Q ACK A
        Q>B ACK A
        A~B 12
        B>Q BYE
        Q>A BYE by=B
        A>Q 200
        Q>B 200
    """, {"1": CALL}),
    Flow("rfc3665-3.7", "re-INVITE with another IP address", SET_UP + """
        B>A INVITE B.2
        A>B 200 A
        B>A ACK
        A~B 12
    """ + HANG_UP, {"1": "ended answered=conform answered=conform"}),
    Flow("rfc3665-3.8", "No answer: CANCEL", """
        A>P INVITE A
        P>A 100
        P>B INVITE A
        B>P 180
        P>A 180
        wait 9
        A>P CANCEL
        P>A 200 to=CANCEL
        P>B CANCEL
        B>P 200 to=CANCEL
        B>P 487 to=INVITE
        P>B ACK refused
        P>A 487 to=INVITE
        A>P ACK refused
    """, {"1": "cancelled cancelled=no-media"}),
    Flow("rfc3665-3.9", "Busy", """
        A>P INVITE A
        P>B INVITE A
        B>P 486
        P>B ACK refused
        P>A 486
        A>P ACK refused
    """, {"1": REFUSED}),
    Flow("rfc3665-3.10", "No response from user agent", """
        A>P INVITE A
        P>A 100
        P>B INVITE A
        wait 0.5
        P>B INVITE again
        wait 1
        P>B INVITE again
        wait 30
        P>A 408
        A>P ACK refused
    """, {"1": REFUSED}),
    Flow("rfc3665-3.11", "Temporarily unavailable", """
        A>P INVITE A
        P>B INVITE A
        B>P 180
        P>A 180
        B>P 480
        P>B ACK refused
        P>A 480
        A>P ACK refused
    """, {"1": REFUSED}),
)  # fmt: skip

RFC_5359 = (
    Flow("rfc5359-2.1", "Call hold", SET_UP + """
        B>A INVITE B.hold
        A>B 200 A.recv
        B>A ACK
        wait 2
        B>A INVITE B
        A>B 200 A
        B>A ACK
        A~B 12
    """ + HANG_UP, {"1": "ended answered=conform answered=inconclusive answered=conform"}),
    Flow("rfc5359-2.2", "Consultation hold", SET_UP + """
        B>A INVITE B.hold
        A>B 200 A.recv
        B>A ACK
        B~>A 12
        B>C INVITE B.2 call=2
        C>B 200 C call=2
        B>C ACK call=2
        B~C 12 B.2 C
        B>C BYE call=2
        C>B 200 call=2
        B>A INVITE B
        A>B 200 A
        B>A ACK
        A~B 12
    """ + HANG_UP, {"1": "ended answered=conform answered=conform answered=conform", "2": CALL}),
    Flow("rfc5359-2.3", "Music on hold from a server", SET_UP + """
        B>A INVITE B.hold
        A>B 200 A.recv
        B>A ACK
        B>D INVITE call=2
        D>B 200 D.hold call=2
        B>A INVITE D.hold
        A>B 200 A.recv
        B>A ACK
        B>D ACK A.recv call=2
        D~>A 12
        B>D BYE call=2
        D>B 200 call=2
        B>A INVITE B
        A>B 200 A
        B>A ACK
        A~B 12
    """ + HANG_UP,
         {"1": "ended answered=conform answered=inconclusive answered=conform answered=conform",
          "2": "ended answered=inconclusive"}),
    Flow("rfc5359-2.4", "Unattended transfer", SET_UP + """
        B>A INVITE B.hold
        A>B 200 A.recv
        B>A ACK
        B>A REFER | Refer-To: <sip:carol@example.com>
        A>B 202 to=REFER
        A>B NOTIFY
        B>A 200 to=NOTIFY
        B>A BYE
        A>B 200 to=BYE
        A>C INVITE A.2 call=2
        C>A 180 call=2
        C>A 200 C call=2
        A>C ACK call=2
        A~C 12
        A>B NOTIFY
        B>A 200 to=NOTIFY
        A>C BYE call=2
        C>A 200 call=2
    """, {"1": "ended answered=conform answered=inconclusive", "2": CALL}, ("2 transfer-of 1",)),
    Flow("rfc5359-2.5", "Attended transfer", SET_UP + """
        B>A INVITE B.hold
        A>B 200 A.recv
        B>A ACK
        B~>A 12
        B>C INVITE B.2 call=2
        C>B 200 C call=2
        B>C ACK call=2
        B~C 12 B.2 C
        B>C INVITE B.2.hold call=2
        C>B 200 C.recv call=2
        B>C ACK call=2
        B~>C 12 B.2 C
        B>A REFER | Refer-To: <sip:carol@example.com?Replaces=rfc5359-2.5-2%40example.com>
        A>B 202 to=REFER
        A>C INVITE A.2 call=3 | Replaces: rfc5359-2.5-2@example.com;to-tag=tC;from-tag=fB
        C>A 200 C.2 call=3
        A>C ACK call=3
        A~C 12
        C>B BYE call=2
        B>C 200 call=2
        A>B NOTIFY
        B>A 200 to=NOTIFY
        B>A BYE
        A>B 200 to=BYE
        A>C BYE call=3
        C>A 200 call=3
    """, {"1": "ended answered=conform answered=conform", "2": "ended answered=conform answered=conform", "3": CALL},
         ("3 replaces 2", "3 transfer-of 1")),
    Flow("rfc5359-2.6", "Transfer by instant message", SET_UP + """
        B>A REFER call=9 | Refer-To: <sip:carol@example.com>
        A>B 202 call=9
        A>C INVITE A.2 call=2
        C>A 200 C call=2
        A>C ACK call=2
        A~C 12
        A>C BYE call=2
        C>A 200 call=2
    """ + HANG_UP, {"1": CALL, "2": CALL}, ("2 transfer-of 9",)),
    Flow("rfc5359-2.7", "Unconditional forwarding", """
        A>P INVITE A
        P>A 100
        P>A 181
        P>C INVITE A
        C>P 180 tag=tC
        P>A 180 tag=tC
        C>P 200 C tag=tC
        P>A 200 C tag=tC
        A>C ACK
        A~C 12
        A>C BYE
        C>A 200
    """, {"1": CALL}),
    Flow("rfc5359-2.8", "Forwarding when busy", """
        A>P INVITE A
        P>B INVITE A
        B>P 486
        P>B ACK refused
        P>A 181
        P>C INVITE A
        C>P 180 tag=tC
        P>A 180 tag=tC
        C>P 200 C tag=tC
        P>A 200 C tag=tC
        A>C ACK
        A~C 12
        A>C BYE
        C>A 200
    """, {"1": CALL}),
    Flow("rfc5359-2.9", "Forwarding when nobody answers", """
        A>P INVITE A
        P>B INVITE A
        B>P 180
        P>A 180
        wait 9
        P>B CANCEL by=A
        B>P 200 to=CANCEL
        B>P 487 to=INVITE
        P>B ACK refused
        P>C INVITE A
        C>P 180 tag=tC
        P>A 180 tag=tC
        C>P 200 C tag=tC
        P>A 200 C tag=tC
        A>C ACK
        A~C 12
        A>C BYE
        C>A 200
    """, {"1": CALL}),
    Flow("rfc5359-2.10", "Conference: a third party is added", SET_UP + """
        B>A INVITE B.2
        A>B 200 A
        B>A ACK
        A~B 12
        B>C INVITE B.3 call=2
        C>B 200 C call=2
        B>C ACK call=2
        B~C 12 B.3 C
        B>C BYE call=2
        C>B 200 call=2
    """ + HANG_UP, {"1": "ended answered=conform answered=conform", "2": CALL}),
    Flow("rfc5359-2.11", "Conference: a third party joins", SET_UP + """
        C>B INVITE C call=2 | Join: rfc5359-2.11-1@example.com;to-tag=tB;from-tag=fA
        B>C 200 B.2 call=2
        C>B ACK call=2
        B~C 12 B.2 C
        C>B BYE call=2
        B>C 200 call=2
    """ + HANG_UP, {"1": CALL, "2": CALL}, ("2 joins 1",)),
    Flow("rfc5359-2.12", "Find-me: one phone after the other", """
        A>P INVITE A
        P>B INVITE A
        B>P 180
        P>A 180
        wait 5
        P>B CANCEL by=A
        B>P 200 to=CANCEL
        B>P 487 to=INVITE
        P>B ACK refused
        P>C INVITE A
        C>P 486 tag=tC
        P>C ACK refused
        P>D INVITE A
        D>P 200 D tag=tD
        P>A 200 D tag=tD
        A>D ACK
        A~D 12
        A>D BYE
        D>A 200
    """, {"1": CALL}),
    Flow("rfc5359-2.13", "Incoming call screening", """
        A>P INVITE A
        P>A 100
        P>A 603
        A>P ACK refused
    """, {"1": REFUSED}),
    Flow("rfc5359-2.14", "Outgoing call screening", """
        A>P INVITE A
        P>A 407
        A>P ACK refused
        A>P INVITE A
        P>A 603
        A>P ACK refused
    """, {"1": REFUSED}),
    Flow("rfc5359-2.15", "Call park", SET_UP + """
        B>D REFER call=2 | Refer-To: <sip:alice@example.com?Replaces=rfc5359-2.15-1%40example.com>
        D>B 202 call=2
        D>A INVITE D.hold call=3 | Replaces: rfc5359-2.15-1@example.com;to-tag=tB;from-tag=fA
        A>D 200 A.2.recv call=3
        D>A ACK call=3
        D~>A 12
        A>B BYE
        B>A 200
        C>A INVITE C call=4 | Replaces: rfc5359-2.15-3@example.com;to-tag=tA;from-tag=fD
        A>C 200 A.3 call=4
        C>A ACK call=4
        A~C 12
        A>D BYE call=3 by=A
        D>A 200 call=3
        A>C BYE call=4
        C>A 200 call=4
    """, {"1": CALL, "3": "ended answered=conform", "4": CALL},
         ("3 replaces 1", "3 transfer-of 2", "4 replaces 3")),
    Flow("rfc5359-2.16", "Call pickup", """
        A>B INVITE A
        B>A 180
        C>A INVITE C call=2 | Replaces: rfc5359-2.16-1@example.com;to-tag=fA;from-tag=tB;early-only
        A>C 200 A.2 call=2
        C>A ACK call=2
        A>B CANCEL
        B>A 200 to=CANCEL
        B>A 487 to=INVITE
        A>B ACK refused
        A~C 12
        C>A BYE call=2
        A>C 200 call=2
    """, {"1": "cancelled cancelled=no-media", "2": CALL}, ("2 replaces 1",)),
    Flow("rfc5359-2.17", "Automatic redial", """
        A>B INVITE A
        B>A 486
        A>B ACK refused
        A>B SUBSCRIBE call=2 | Event: dialog
        B>A 200 call=2
        B>A NOTIFY call=2 | Event: dialog
        A>B 200 call=2
        A>B INVITE A.2 call=3
        B>A 200 B call=3
        A>B ACK call=3
        A~B 12
        A>B BYE call=3
        B>A 200 call=3
    """, {"1": REFUSED, "3": CALL}),
    Flow("rfc5359-2.18", "Click to dial", """
        D>A REFER call=1 | Refer-To: <sip:bob@example.com>
        A>D 202 call=1
        A>B INVITE A call=2
        B>A 200 B call=2
        A>B ACK call=2
        A~B 12
        A>D NOTIFY call=1
        D>A 200 call=1 to=NOTIFY
        A>B BYE call=2
        B>A 200 call=2
    """, {"2": CALL}, ("2 transfer-of 1",)),
)  # fmt: skip

FORKS = (
    Flow("fork-early-lost", "Two early dialogs: one sends early media, the other answers", """
        A>P INVITE A
        P>B INVITE A
        P>C INVITE A
        B>P 183 B tag=tB
        P>A 183 B tag=tB
        C>P 180 tag=tC
        P>A 180 tag=tC
        B~>A 12
        C>P 200 C tag=tC
        P>A 200 C tag=tC
        A>C ACK tag=tC
        P>B CANCEL by=A
        B>P 200 to=CANCEL
        B>P 487 to=INVITE tag=tB
        P>B ACK refused
        A~C 12
        A>C BYE
        C>A 200
    """, {"1": "ended answered=conform answered=inconclusive"}),
    Flow("fork-early-both-ways", "The same with media both ways in the early dialog that loses", """
        A>P INVITE A
        P>B INVITE A
        P>C INVITE A
        B>P 183 B tag=tB
        P>A 183 B tag=tB
        A~B 12
        C>P 200 C tag=tC
        P>A 200 C tag=tC
        A>C ACK tag=tC
        A~C 12
        A>C BYE
        C>A 200
    """, {"1": "ended answered=conform answered=conform"}),
    Flow("fork-two-early-silent", "Two early dialogs without media, one answers", """
        A>P INVITE A
        P>B INVITE A
        P>C INVITE A
        B>P 183 B tag=tB
        P>A 183 B tag=tB
        C>P 183 C tag=tC
        P>A 183 C tag=tC
        C>P 200 C tag=tC
        P>A 200 C tag=tC
        A>C ACK tag=tC
        A~C 12
        A>C BYE
        C>A 200
    """, {"1": CALL}),
    Flow("fork-two-answers", "Two phones answer; the caller hangs up on the second", """
        A>P INVITE A
        P>B INVITE A
        P>C INVITE A
        B>P 200 B tag=tB
        P>A 200 B tag=tB
        A>B ACK tag=tB
        C>P 200 C tag=tC
        P>A 200 C tag=tC
        A>C ACK tag=tC
        A>C BYE tag=tC
        C>A 200 to=BYE
        A~B 12
        A>B BYE tag=tB
        B>A 200 to=BYE
    """, {"1": "ended answered=conform answered=inconclusive"}),
    Flow("fork-two-early-plain-lost", "The early dialog that loses was plain and sent in the clear", """
        A>P INVITE A
        P>B INVITE A
        P>C INVITE A
        B>P 183 B.avp tag=tB
        P>A 183 B.avp tag=tB
        A~B 12 A.avp B.avp
        C>P 200 C tag=tC
        P>A 200 C tag=tC
        A>C ACK tag=tC
        A~C 12
        A>C BYE
        C>A 200
    """, {"1": "ended answered=conform answered=unprotected"}),
    Flow("fork-none-answers", "Two early dialogs, nobody answers", """
        A>P INVITE A
        P>B INVITE A
        P>C INVITE A
        B>P 183 B tag=tB
        P>A 183 B tag=tB
        C>P 183 C tag=tC
        P>A 183 C tag=tC
        P>A 480
        A>P ACK refused
    """, {"1": REFUSED}),
)  # fmt: skip

EARLY = (
    Flow("early-media", "Early media, then the same answer", """
        A>B INVITE A
        B>A 183 B
        A~B 12
        B>A 200 B
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": CALL}),
    Flow("early-media-other-version", "Early media, then the same answer under a new version", """
        A>B INVITE A
        B>A 183 B
        A~B 12
        B>A 200 B.v2
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": CALL}),
    Flow("early-media-other-answer", "An announcement from elsewhere in one dialog, then the phone's own answer", """
        A>B INVITE A
        B>A 183 B
        A~B 12
        B>A 200 B.2
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": "ended answered=conform answered=conform"}),
    Flow("early-media-plain", "A plain announcement, then an answer with keys", """
        A>B INVITE A
        B>A 183 B.avp
        A~B 40 A.avp B.avp
        B>A 200 B.2
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": "ended answered=unprotected answered=conform"}),
    Flow("early-answer-other-silent", "Two answers in one dialog, media under the second alone", """
        A>B INVITE A
        B>A 183 B
        B>A 200 B.2
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": CALL}),
    Flow("early-media-refused", "An announcement, then a refusal", """
        A>B INVITE A
        B>A 183 B
        B~>A 12
        B>A 486
        A>B ACK refused
    """, {"1": "rejected rejected=inconclusive"}),
    Flow("early-update", "UPDATE in the early dialog changes port and key", """
        A>B INVITE A
        B>A 183 B | Require: 100rel | RSeq: 1
        A>B PRACK tag=tB
        B>A 200 to=PRACK
        A~B 12
        A>B UPDATE A.2 tag=tB
        B>A 200 B.2 to=UPDATE
        A~B 12
        B>A 200 to=INVITE
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": "ended answered=conform answered=conform"}),
    Flow("delayed-offer", "The offer comes in the 200, the answer in the ACK",
         "A>B INVITE\nB>A 180\nB>A 200 B\nA>B ACK A\nA~B 12" + HANG_UP, {"1": CALL}),
    Flow("delayed-offer-prack", "The offer comes in a reliable 183, the answer in PRACK", """
        A>B INVITE
        B>A 183 B | Require: 100rel | RSeq: 1
        A>B PRACK A tag=tB
        B>A 200 to=PRACK
        A~B 12
        B>A 200 to=INVITE
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": CALL}),
    Flow("delayed-offer-unanswered", "The offer in the 200 never gets an answer",
         "A>B INVITE\nB>A 200 B\nA>B ACK\nB>A BYE\nA>B 200", {"1": "ended rejected=no-media"}),
)  # fmt: skip

ENDS = (
    Flow("cancel-race", "CANCEL crosses the answer", """
        A>B INVITE A
        B>A 180
        A>B CANCEL
        B>A 200 B to=INVITE
        B>A 200 to=CANCEL
        A>B ACK
        A>B BYE
        B>A 200 to=BYE
    """, {"1": "ended answered=inconclusive"}),
    Flow("bye-both", "Both hang up at once", SET_UP + """
        A>B BYE
        B>A BYE
        A>B 200 by=A
        B>A 200
    """, {"1": CALL}),
    Flow("bye-refused", "BYE answered with 481", SET_UP + "A>B BYE\nB>A 481", {"1": CALL}),
    Flow("never-ended", "The capture ends before the call", SET_UP, {"1": "answered answered=conform"}),
    Flow("requests-only", "Only what the caller sent was captured", """
        A>B INVITE A
        B>A 180 unseen
        B>A 200 B unseen
        A>B ACK
        A~>B 12
        A>B BYE
        B>A 200 unseen
    """, {"1": "ended unanswered=inconclusive"}),
    Flow("responses-only", "Only what the callee sent was captured", """
        A>B INVITE A unseen
        B>A 180
        B>A 200 B
        A>B ACK unseen
        B~>A 12
        A>B BYE unseen
        B>A 200
    """, {"1": "mid-call offer-unseen=inconclusive"}),
    Flow("cancel-unfinished", "The capture ends after CANCEL", """
        A>B INVITE A
        B>A 180
        A>B CANCEL
        B>A 200 to=CANCEL
    """, {"1": "trying unanswered=inconclusive"}),
    Flow("begun-before-hold", "Captured from the middle on, then hold and resume", """
        A~B 12 A B
        A>B INVITE A.hold tag=tB caller=A callee=B
        B>A 200 B.recv
        A>B ACK tag=tB
        wait 3
        A>B INVITE A tag=tB
        B>A 200 B
        A>B ACK tag=tB
        A~B 12
        A>B BYE tag=tB
        B>A 200
    """, {"1": "mid-call answered=inconclusive answered=conform"}, loose=2),
    Flow("never-answered", "The capture ends while it rings", "A>B INVITE A\nB>A 180",
         {"1": "trying unanswered=inconclusive"}),
    Flow("begun-before-bye", "Only the end was captured", "A>B BYE caller=A callee=B tag=tB\nB>A 200",
         {"1": "mid-call"}),
    Flow("begun-before-200", "The INVITE was not captured", """
        A>B INVITE A unseen
        B>A 200 B
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": "mid-call offer-unseen=inconclusive"}),
    Flow("begun-before-refresh", "Captured from the middle on, then a session refresh", """
        A~B 12 A B
        A>B INVITE A tag=tB caller=A callee=B
        B>A 200 B
        A>B ACK tag=tB
        A~B 12
        A>B BYE tag=tB
        B>A 200
    """, {"1": "mid-call answered=conform"}, loose=2),
)  # fmt: skip

RELAYS = (
    Flow("relay-delayed-offer", "Offer in the 200, answer in the ACK, a relay between", """
        A>P INVITE
        P>B INVITE
        B>P 200 B
        P>A 200 B.far
        A>P ACK A
        P>B ACK A.far
        A~B 12 A B.far
        B~A 12 B A.far
        A>P BYE
        P>B BYE
        B>P 200
        P>A 200
    """, {"1": "ended answered=conform answered=conform"}),
    Flow("relay-hold", "Hold and resume through a relay", """
        A>P INVITE A
        P>B INVITE A.far
        B>P 200 B
        P>A 200 B.far
        A>P ACK
        P>B ACK
        A~B 12 A B.far
        B~A 12 B A.far
        A>P INVITE A.inactive
        P>B INVITE A.far.inactive
        B>P 200 B.inactive
        P>A 200 B.far.inactive
        A>P ACK
        P>B ACK
        wait 2
        A>P INVITE A
        P>B INVITE A.far
        B>P 200 B
        P>A 200 B.far
        A>P ACK
        P>B ACK
        A~B 12 A B.far
        B~A 12 B A.far
    """, {"1": "answered answered=conform answered=conform answered=no-media answered=conform answered=conform"}),
    Flow("relay-strips", "A relay takes the protection away behind it", """
        A>P INVITE A
        P>B INVITE A.avp.far
        B>P 200 B.avp
        P>A 200 B.far
        A>P ACK
        P>B ACK
        A~B 40 A B.far
        B~A 40 B.avp A.avp.far
        A>P BYE
        P>B BYE
        B>P 200
        P>A 200
    """, {"1": "ended answered=conform answered=unprotected"}),
    Flow("relay-retries-plain", "A relay is refused behind it, tries again without protection, and tells nobody", """
        A>P INVITE A
        P>A 100
        P>B INVITE A.far
        B>P 488
        P>B ACK refused
        P>B INVITE A.avp.far by=A cseq=2
        B>P 200 B.avp
        P>A 200 B.far cseq=1
        A>P ACK cseq=1
        P>B ACK cseq=2
        A~B 40 A B.far
        B~A 40 B.avp A.avp.far
    """, {"1": "answered answered=conform rejected=no-media answered=unprotected"}, ("1:2 retry-of 1:1",)),
    Flow("only-second-leg", "Only the hop behind the proxy was captured", """
        A>P INVITE A unseen
        P>B INVITE A
        B>P 200 B
        P>A 200 B unseen
        P>B ACK by=A
        A~B 12
        B>P BYE
        P>B 200
    """, {"1": CALL}),
)  # fmt: skip

RETRIES = (
    *(Flow(f"retry-{status}-{how}", f"{status}, then a plain offer {where}", f"""
        A>B INVITE A
        B>A {status}
        A>B ACK refused
        A>B INVITE A.avp call={call}
        B>A 200 B.avp call={call}
        A>B ACK call={call}
        A~B 12
        A>B BYE call={call}
        B>A 200 call={call}
    """, calls, links)
    for status in (488, 415, 606)
    for how, where, call, calls, links in (
        ("same", "in the same call", 1, {"1": "ended rejected=no-media answered=unprotected"}, ("1:1 retry-of 1:0",)),
        ("new", "in a new one", 2, {"1": REFUSED, "2": "ended answered=unprotected"}, ("2 retry-of 1",)),
    )),
    Flow("redirect-same", "302, then the same offer to another phone", """
        A>B INVITE A
        B>A 302 | Contact: <sip:carol@example.com>
        A>B ACK refused
        A>C INVITE A
        C>A 200 C tag=tC
        A>C ACK
        A~C 12
        A>C BYE
        C>A 200
    """, {"1": CALL}),
    Flow("redirect-new", "302, then another call to the phone it named", """
        A>B INVITE A
        B>A 302 | Contact: <sip:carol@example.com>
        A>B ACK refused
        A>C INVITE A.2 call=2
        C>A 200 C call=2
        A>C ACK call=2
        A~C 12
        A>C BYE call=2
        C>A 200 call=2
    """, {"1": REFUSED, "2": CALL}, ("2 redirect-of 1",)),
    Flow("challenge", "401, then the same offer with credentials", """
        A>B INVITE A
        B>A 401
        A>B ACK refused
        A>B INVITE A | Authorization: Digest username="alice"
        B>A 200 B
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": CALL}),
    Flow("interval-too-small", "422, then a longer interval", """
        A>B INVITE A | Session-Expires: 50
        B>A 422 | Min-SE: 90
        A>B ACK refused
        A>B INVITE A | Session-Expires: 90
        B>A 200 B
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": CALL}),
    Flow("two-calls-no-retry", "A refused call, and a minute and a half later another one", """
        A>B INVITE A
        B>A 488
        A>B ACK refused
        wait 90
        A>B INVITE A.2 call=2
        B>A 200 B call=2
        A>B ACK call=2
        A~B 12
        A>B BYE call=2
        B>A 200 call=2
    """, {"1": REFUSED, "2": CALL}),
)  # fmt: skip

DIALOGS = (
    Flow("glare", "Both re-INVITE at once: 491 both ways, then one again", SET_UP + """
        A>B INVITE A.2
        B>A INVITE B.2
        B>A 491
        A>B 491
        A>B ACK refused
        B>A ACK refused
        A~B 12 A B
        B>A INVITE B.2
        A>B 200 A
        B>A ACK
        A~B 12 A B.2
    """ + HANG_UP, {"1": "ended answered=conform rejected=no-media answered=conform"}),
    Flow("reinvite-overlapping", "A second re-INVITE before the first is acknowledged", SET_UP + """
        A>B INVITE A.2
        B>A 200 B.2
        B>A INVITE B.3
        A>B ACK cseq=2
        A>B 491
        B>A ACK refused
        A~B 12 A.2 B.2
    """ + HANG_UP, {"1": "ended answered=conform answered=conform rejected=no-media"}),
    Flow("reinvite-refused", "A refused re-INVITE leaves the session as it is", SET_UP + """
        A>B INVITE A.avp
        B>A 488
        A>B ACK refused
        A~B 12 A B
    """ + HANG_UP, {"1": "ended answered=conform rejected=no-media"}),
    Flow("reinvite-plain", "A re-INVITE takes the protection away", SET_UP + """
        A>B INVITE A.2.avp
        B>A 200 B.2.avp
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": "ended answered=conform answered=unprotected"}),
    Flow("refresh-reinvite", "A session refresh with re-INVITE", SET_UP + """
        A>B INVITE A.v2 | Session-Expires: 90
        B>A 200 B.v2
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": CALL}),
    Flow("refresh-update", "A session refresh with UPDATE and without a description", SET_UP + """
        A>B UPDATE | Session-Expires: 90
        B>A 200
        A~B 12
        A>B UPDATE A.v2 | Session-Expires: 90
        B>A 200 B.v2
        A~B 12
    """ + HANG_UP, {"1": CALL}),
    Flow("rekey", "A re-INVITE with new keys", SET_UP + """
        A>B INVITE A.k2
        B>A 200 B.k2
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": "ended answered=conform answered=conform"}),
    Flow("rekey-late", "Packets under the old keys still come after the answer", SET_UP + """
        A>B INVITE A.k2
        B>A 200 B.k2
        A~B 4 A B
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": "ended answered=conform answered=conform"}),
    Flow("rekey-early", "Packets under the answerer's new keys come before its answer", SET_UP + """
        A>B INVITE A.k2
        B~>A 4 B.k2
        B>A 200 B.k2
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": "ended answered=conform answered=conform"}),
    Flow("rekey-never", "New keys are agreed and the old ones used on", SET_UP + """
        A>B INVITE A.k2
        B>A 200 B.k2
        A>B ACK
        A~B 40 A B
    """ + HANG_UP, {"1": "ended answered=conform answered=mismatch"}),
    Flow("hold-rekeyed", "Hold and resume, each with new keys", SET_UP + """
        A>B INVITE A.k2.hold
        B>A 200 B.recv
        A>B ACK
        A~>B 12
        A>B INVITE A.k3
        B>A 200 B
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": "ended answered=conform answered=conform answered=conform"}),
    Flow("hold-update", "Hold and resume with UPDATE", SET_UP + """
        A>B UPDATE A.hold
        B>A 200 B.recv
        A~>B 12
        A>B UPDATE A
        B>A 200 B
        A~B 12
    """ + HANG_UP, {"1": "ended answered=conform answered=conform answered=conform"}),
    Flow("refresh-delayed", "A session refresh whose offer comes in the 200", SET_UP + """
        A>B INVITE
        B>A 200 B
        A>B ACK A
        A~B 12
    """ + HANG_UP, {"1": CALL}),
    Flow("call-id-again", "A second call under the same Call-ID", SET_UP + """
        A>B BYE
        B>A 200
        wait 5
        A>B INVITE A.2 fresh
        B>A 200 B.2 tag=t2
        A>B ACK tag=t2
        A~B 12
        A>B BYE tag=t2
        B>A 200
    """, {"1": "ended answered=conform answered=conform"}),
    Flow("hold-inactive", "Hold with inactive", SET_UP + """
        A>B INVITE A.inactive
        B>A 200 B.inactive
        A>B ACK
        wait 2
        A>B INVITE A
        B>A 200 B
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": "ended answered=conform answered=no-media answered=conform"}),
    Flow("hold-c0", "Hold with the address 0.0.0.0, inactive", SET_UP + """
        A>B INVITE A.c0.inactive
        B>A 200 B.inactive
        A>B ACK
        wait 2
        A>B INVITE A
        B>A 200 B
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": "ended answered=conform answered=no-media answered=conform"}),
    Flow("add-video", "Video is added, then refused again", SET_UP + """
        A>B INVITE A.video.v2
        B>A 200 B.video.v2
        A>B ACK
        A~B 12
        A~B 12 video
        A>B INVITE A.novideo.v3
        B>A 200 B.novideo.v3
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": "ended answered=conform answered=conform,conform answered=conform,no-media"}),
    Flow("line-rejected", "Audio is taken, video is not", """
        A>B INVITE A.video
        B>A 200 B.novideo
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": "ended answered=conform,no-media"}),
    Flow("clear-in-secure", "SRTP agreed, clear media sent", """
        A>B INVITE A
        B>A 200 B
        A>B ACK
        A~B 40 clear
    """ + HANG_UP, {"1": "ended answered=unprotected"}),
    Flow("no-packets", "A whole call without media", """
        A>B INVITE A
        B>A 200 B
        A>B ACK
    """ + HANG_UP, {"1": "ended answered=inconclusive"}),
)  # fmt: skip

MEDIA = (
    Flow("nat-latching", "The caller announces its private address; it is answered where its packets come from", """
        A>B INVITE A.nat
        B>A 200 B
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": CALL}),
    Flow("nat-both", "Both announce private addresses; only the relay's is real", """
        A>P INVITE A.nat
        P>B INVITE A.far
        B>P 200 B.nat
        P>A 200 B.far
        A>B ACK
        A~B 12 A.nat B.far
        B~A 12 B.nat A.far
    """ + HANG_UP, {"1": "ended answered=conform answered=conform"}),
    Flow("asymmetric", "The callee sends from another port than it receives at", """
        A>B INVITE A
        B>A 200 B
        A>B ACK
        A~>B 12
        B~>A 12 B.p7 A
    """ + HANG_UP, {"1": CALL}),
    Flow("asymmetric-nat", "The same, and the caller is behind a NAT: neither end of one stream was announced", """
        A>B INVITE A.nat
        B>A 200 B
        A>B ACK
        A~>B 12
        B~>A 12 B.p7 A.nat
    """ + HANG_UP, {"1": CALL}),
    Flow("ice-candidates", "Media takes the reflexive candidates of both, not the addresses in c= and m=", """
        A>B INVITE A.nat.ice.mux
        B>A 200 B.nat.ice.mux
        A>B ACK
        A?B
        B?A
        A~B 12
    """ + HANG_UP, {"1": CALL}),
    Flow("ice-peer-reflexive", "Media takes endpoints that only the connectivity checks showed", """
        A>B INVITE A.nat.ice.mute.mux
        B>A 200 B.nat.ice.mute.mux
        A>B ACK
        A?B
        B?A
        A~B 12
    """ + HANG_UP, {"1": CALL}),
    Flow("bundle", "Audio and video on one port", """
        A>B INVITE A.video.bundle.mux
        B>A 200 B.video.bundle.mux
        A>B ACK
        A~B 12
        A~B 12 video
    """ + HANG_UP, {"1": "ended answered=conform,conform"}),
    Flow("payload-renumbered", "Each side has its own number for the same codec", """
        A>B INVITE A
        B>A 200 B.renum
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": CALL}),
    Flow("capability-negotiation", "SRTP offered as a potential configuration of RTP/AVP, and taken up", """
        A>B INVITE A.cap
        B>A 200 B.acfg
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": CALL}),
    Flow("capability-passed-over", "The same offer, answered with plain RTP", """
        A>B INVITE A.cap
        B>A 200 B.avp
        A>B ACK
        A~B 40 A.avp B.avp
    """ + HANG_UP, {"1": "ended answered=unprotected"}),
    Flow("tcp", "Media over TCP: the caller opens the connection", """
        A>B INVITE A.active
        B>A 200 B.passive
        A>B ACK
        A~B 12
    """ + HANG_UP, {"1": CALL}),
    Flow("tcp-plain", "Media over TCP, in the clear; the callee opens the connection", """
        A>B INVITE A.passive.avp
        B>A 200 B.active.avp
        A>B ACK
        A~B 40
    """ + HANG_UP, {"1": "ended answered=unprotected"}),
    Flow("tcp-clear-in-secure", "SRTP over TCP agreed, clear media sent", """
        A>B INVITE A.passive
        B>A 200 B.active
        A>B ACK
        A~B 40 clear
    """ + HANG_UP, {"1": "ended answered=unprotected"}),
    Flow("unannounced", "Clear media beside a call, at ports nobody announced",
         SET_UP + "A~B 40 A.9.avp B.9.avp" + HANG_UP, {"1": CALL}, loose=2),
)  # fmt: skip

FLOWS = (*RFC_3665, *RFC_5359, *FORKS, *EARLY, *ENDS, *RELAYS, *RETRIES, *DIALOGS, *MEDIA)


def main(folder: Path) -> None:
    """Write the capture of each flow, and a text beside it that says what has to be read in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for flow in FLOWS:
        (folder / f"{flow.name}.pcapng").write_bytes(write_capture(FlowScript(flow.name).run(flow.lines)))
        expected = [f"{flow.title}.", *(f"call {name}: {said}" for name, said in flow.calls.items()), *flow.links]
        (folder / f"{flow.name}.txt").write_text("\n".join(expected) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("demo/flows"))
