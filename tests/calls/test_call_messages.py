# SPDX-License-Identifier: GPL-2.0-only
"""What is said of all messages of a call is what each of them says."""

from call_builders import ALICE, BOB, OFFER, Script, answered

from analyzer.calls import CallTracker
from analyzer.model.call_messages import CallMessages
from analyzer.model.evidence import MediaEvidence
from pcaps.flow_table import FLOWS
from tests.calls.flow_calls import datagrams_of
from tests.calls.test_plain_dialog import calls_of

NO_MEDIA = MediaEvidence((), (), (), (), (), ())


def test_every_header_counts_and_nothing_is_there_unseen():
    script = answered()
    script.request("OPTIONS", 3, to_tag="b", headers=("Security-Verify: tls",))
    told = CallMessages(script.messages)
    assert told == tuple(script.messages)
    assert told.header_names == {
        *("via", "from", "to", "call-id", "cseq", "max-forwards", "content-type", "content-length", "security-verify")
    }
    assert "security-verify" not in CallMessages(script.messages[:-1]).header_names
    assert not CallMessages().header_names


def test_what_is_odd_and_what_has_a_body():
    script = Script()
    invite = script.request("INVITE", 1, OFFER)
    script.repeat(invite)
    script.response(invite, 100)
    broken = script.send(invite.sip.raw.replace(b"Max-Forwards: 70\r\n", b""), ALICE, BOB)
    (call,) = track(script).calls
    assert call.messages.odd == (broken,)
    assert [message.frame for message in call.messages] == [1, 2, 3, 4]
    assert [message.frame for message in call.messages.carriers] == [1, 4]  # the second is the first again


def test_of_all_flows():
    for flow in FLOWS:
        for messages in calls_of(datagrams_of(flow)):
            told = CallMessages(messages)
            assert told.header_names == {name for one in messages for name in one.sip.header_names}
            assert told.odd == tuple(one for one in messages if one.sip.defects)
            assert told.carriers == tuple(one for one in messages if one.sip.body)


def track(script):
    tracker = CallTracker()
    for message in script.messages:
        tracker.feed(message)
    return tracker.finish(NO_MEDIA)
