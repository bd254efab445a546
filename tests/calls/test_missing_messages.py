# SPDX-License-Identifier: GPL-2.0-only
"""Whatever is missing from the capture of a protected call, it never reads as one that was not protected."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pcaps.flow_script import Datagram, FlowScript
from pcaps.flow_table import FLOWS, Flow
from tests.calls.flow_calls import audit_datagrams, datagrams_of

Change = Callable[[list[Datagram], random.Random], list[Datagram]]
BAD = frozenset(("unprotected", "mismatch", "downgrade"))
PROTECTED = [flow for flow in FLOWS if not any(bad in said for said in flow.calls.values() for bad in BAD)]
JITTER_NS = 45_000_000


def is_sip(datagram: Datagram) -> bool:
    return b"SIP/2.0" in datagram[3][:200]


def lose(datagrams: list[Datagram], rng: random.Random) -> list[Datagram]:
    """Some SIP messages are gone."""
    places = [place for place, each in enumerate(datagrams) if is_sip(each)]
    gone = set(rng.sample(places, min(rng.choice((1, 1, 2, 3, 5)), len(places))))
    return [each for place, each in enumerate(datagrams) if place not in gone]


def cut(datagrams: list[Datagram], rng: random.Random) -> list[Datagram]:
    """A stretch of the capture is all there is, or is missing."""
    begin, end = sorted(rng.sample(range(len(datagrams) + 1), 2))
    return datagrams[begin:end] if rng.random() < 0.5 else datagrams[:begin] + datagrams[end:]


def shake(datagrams: list[Datagram], rng: random.Random) -> list[Datagram]:
    """Signalling and media come by different ways and are seen out of order."""
    return [
        (time + is_sip(each) * rng.randrange(-JITTER_NS, JITTER_NS), *rest)
        for each in datagrams
        for time, *rest in (each,)
    ]


def snap(datagrams: list[Datagram], rng: random.Random) -> list[Datagram]:
    """Messages are captured up to some length: the end of their description, or of their header section, is missing."""
    octets = rng.randrange(250, 900)
    return [(*each[:3], each[3][:octets]) if is_sip(each) else each for each in datagrams]


def never_reads_as_bad(
    flow: Flow, seed: int, folder: Path, changes: Sequence[Change] = (lose, lose, cut, shake)
) -> None:
    rng = random.Random(f"{flow.name} {seed}")
    change = rng.choice(changes)
    report = audit_datagrams(change(datagrams_of(flow), rng), folder)
    verdicts = {(media.verdict.value, media.reasons) for call in report.calls for media in call.media}
    assert not {verdict for verdict, _ in verdicts} & BAD, (change.__name__, verdicts)
    failed = {outcome.rule for call in report.calls for outcome in call.outcomes if outcome.outcome == "fail"}
    assert failed <= {"SIG-002"}


@pytest.mark.parametrize("seed", range(2))
def test_missing_messages_make_no_bad_verdict(seed: int, tmp_path: Path) -> None:
    for flow in random.Random(seed).sample(PROTECTED, 30):
        never_reads_as_bad(flow, seed, tmp_path)


def test_messages_cut_short_make_no_bad_verdict(tmp_path: Path) -> None:
    for flow in random.Random(7).sample(PROTECTED, 20):
        never_reads_as_bad(flow, 7, tmp_path, (snap,))


@pytest.mark.parametrize(("octets", "verdict"), [(None, "conform"), (-3, "inconclusive"), (-1, "conform")])
def test_a_description_without_its_end_is_not_read_as_a_whole_one(
    octets: int | None, verdict: str, tmp_path: Path
) -> None:
    """Where an octet is missing the last line still ends: so looks a length that a NAT left as it was."""
    (flow,) = [one for one in FLOWS if one.name == "rfc3665-3.1"]
    flowing = datagrams_of(flow)
    place = next(place for place, each in enumerate(flowing) if each[3].startswith(b"INVITE"))
    flowing[place] = (*flowing[place][:3], flowing[place][3][:octets])
    report = audit_datagrams(flowing, tmp_path)
    assert [media.verdict.value for media in report.calls[0].media] == [verdict]


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(100, 140))
def test_missing_messages_of_every_flow_make_no_bad_verdict(seed: int, tmp_path: Path) -> None:
    for flow in PROTECTED:
        never_reads_as_bad(flow, seed, tmp_path)


def test_a_call_whose_messages_are_all_there_is_still_contradicted(tmp_path: Path) -> None:
    (flow,) = [one for one in FLOWS if one.name == "rekey-never"]
    report = audit_datagrams(datagrams_of(flow), tmp_path)
    assert [media.verdict.value for media in report.calls[0].media] == ["conform", "mismatch"]
    lost = [
        each for each in datagrams_of(flow) if b"CSeq: 2 INVITE" not in each[3] or not each[3].startswith(b"INVITE")
    ]
    report = audit_datagrams(lost, tmp_path)
    assert "mismatch" not in [media.verdict.value for media in report.calls[0].media]


@pytest.mark.parametrize(
    ("settled", "says"),
    [
        ("B>A 200 B.avp unseen\nA>B ACK", ("unprotected", ("clear-media",))),
        ("B>A 200 B.avp unseen", ("inconclusive", ("answer-unseen",))),
        ("B>A 486 unseen\nA>B ACK refused", ("inconclusive", ("answer-unseen",))),
    ],
)
def test_an_ack_tells_of_an_answer_that_nobody_saw(settled: str, says: object, tmp_path: Path) -> None:
    script = f"A>B INVITE A.avp\nB>A 180\n{settled}\nA~B 60 A.avp B.avp"
    (call,) = audit_datagrams(FlowScript("answer-lost").run(script), tmp_path).calls
    assert [(media.verdict.value, media.reasons) for media in call.media] == [says]


@pytest.mark.parametrize(("silence", "says"), [("wait 4", "inconclusive"), ("", "mismatch")])
def test_the_end_of_a_call_may_have_been_missed(silence: str, says: str, tmp_path: Path) -> None:
    """Packets under other keys at the ports of a call without BYE: after a silence they may be another call's."""
    script = f"A>B INVITE A\nB>A 200 B\nA>B ACK\nA~B 40\n{silence}\nA~B 40 A.k2 B.k2"
    (call,) = audit_datagrams(FlowScript("end-missed").run(script), tmp_path).calls
    assert [media.verdict.value for media in call.media] == [says]


def test_after_a_silence_within_a_call_other_keys_contradict(tmp_path: Path) -> None:
    script = "A>B INVITE A\nB>A 200 B\nA>B ACK\nA~B 40\nwait 4\nA~B 40 A.k2 B.k2\nA>B BYE\nB>A 200"
    (call,) = audit_datagrams(FlowScript("end-seen").run(script), tmp_path).calls
    assert [media.verdict.value for media in call.media] == ["mismatch"]


FIRST = "A>B INVITE A\nB>A 200 B\nA>B ACK\nA~B 40\n"
BYE = "A>B BYE\nB>A 200\n"
SECOND = "A>B INVITE A.k2 call=2 unseen\nB>A 200 B.k2 call=2 unseen\nA>B ACK call=2 unseen\n"
ITS_BYE = "\nA>B BYE call=2\nB>A 200 call=2"


@pytest.mark.parametrize(
    ("script", "says", "loose"),
    [
        (FIRST + BYE + "wait 0.3\n" + SECOND + "A~B 40 A.k2 B.k2", "conform", 2),
        (FIRST + BYE + "A~B 40 A.k2 B.k2", "inconclusive", 0),
        (FIRST + SECOND + "A~B 40 A.k2 B.k2" + ITS_BYE, "inconclusive", 0),
        (FIRST + SECOND + "A~B 40 A.k2 B.k2", "inconclusive", 0),
        (FIRST + "A~B 40 A.k2 B.k2\n" + BYE, "mismatch", 0),
        (FIRST + BYE + "wait 0.3\n" + SECOND + "A~B 40 A.avp B.avp", "conform", 2),
        (FIRST + "A~B 40 A.avp B.avp\n" + BYE, "unprotected", 0),
    ],
)
def test_a_call_that_takes_the_ports_of_one_before_it(script: str, says: str, loose: int, tmp_path: Path) -> None:
    """Of the second call neither offer nor answer is in the capture; its SSRCs are its own."""
    datagrams = FlowScript("ports").run(script)
    media = [place for place, each in enumerate(datagrams) if not is_sip(each)]
    for place in media[len(media) // 2 :]:
        *rest, octets = datagrams[place]
        datagrams[place] = (*rest, octets[:8] + bytes((octets[8] ^ 1,)) + octets[9:])
    report = audit_datagrams(datagrams, tmp_path)
    (call,) = [each for each in report.calls if each.media]
    assert [media.verdict.value for media in call.media] == [says]
    assert len(report.streams) == loose
