# SPDX-License-Identifier: GPL-2.0-only
"""Session descriptions and datagrams of no sense: negotiations of them end without an error."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from scenes import CM_80, POLICY, Flow, Scene, crypto, message, session

from analyzer.model.keying import Keying
from analyzer.negotiation.knowledge import Knowledge, build_observations
from analyzer.negotiation.negotiate import negotiate

NAMES = st.sampled_from(("crypto", "key-mgmt", "acap", "pcfg", "tcap", "acfg", "fingerprint", "zrtp-hash", "setup"))
GOOD = (
    crypto(1, CM_80)[7:],
    message(0, (CM_80,))[9:],
    f"1 {message(0, (CM_80,))}",
    "1 t=1 a=1,2|[3]",
    "mikey PSK=-1 X:2",
)
VALUES = st.sampled_from(GOOD) | st.text(st.sampled_from("0123 a=:|[],-/mikeypskPSK+\t"), max_size=30)
LINES = st.lists(st.tuples(NAMES, VALUES).map(":".join), max_size=6)
UNREAD = Keying(None, None, "")


@given(LINES, LINES, LINES)
def test_odd_attributes(offered, answered, level) -> None:
    scene = Scene(session(*offered, level=tuple(level)), session(*answered), swapped=True)
    knowledge = Knowledge(observed=lambda: build_observations([scene.call]))
    found = negotiate(scene.line, UNREAD, POLICY, knowledge, scene.call)
    assert len(found.winners) == 4


@given(st.lists(st.binary(max_size=80) | st.binary(max_size=60).map(lambda rest: b"\x16\xfe\xfd" + rest), max_size=4))
def test_odd_datagrams(datagrams) -> None:
    scene = Scene(session(), session())
    flow = Flow(0, "192.0.2.1:4000", "192.0.2.2:4000", tuple(range(len(datagrams))), (), tuple(datagrams))
    line = replace(scene.line, dtls=(flow,), zrtp=(flow,))
    assert negotiate(line, UNREAD, POLICY, Knowledge(), scene.call).chosen.suite is None
