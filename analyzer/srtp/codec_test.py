# SPDX-License-Identifier: GPL-2.0-only
"""Do payloads look as their compressed codec makes them? Its framing proves clear speech, and refutes it (SRT-001).

Uniform octets pass a codec's framing with a chance that their length gives; that all but a few packets pass is so many
bits of surprise. What an MKI may stand in does not count, for it is the same in every packet.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from dissectors.grammar.codec_framing import FRAMINGS, HEAD_OCTETS, CodecFraming
from dissectors.grammar.late_dataclass import dataclass

MAX_TAG_OCTETS = 20
OPEN_OCTETS = MAX_TAG_OCTETS + HEAD_OCTETS  # shorter payloads may have an MKI where a codec's header stands
TRAILERS = (0, 4, 10, 16)  # tags behind payloads that a NULL cipher left as they are
FEW_VALUES, MANY_VALUES = 4, 8
PACKETS_A_VALUE = 8
REFUTING_PACKETS = 12
MAX_BITS = 64.0  # of one packet
CLEARLY_LESS = 0.75


@dataclass(frozen=True, slots=True)
class CodecTest:
    """`bits` of surprise if the payloads were cipher text, `refuted` where they fail as cipher text would.

    `trailer_octets` stand behind the frames, None where nothing fits or several trailers do.
    """

    bits: float = 0.0
    refuted: bool = False
    trailer_octets: int | None = None


def varies(values: Sequence[object]) -> bool:
    """Whether these are more values than the MKIs of a few keys can give."""
    few = max(FEW_VALUES, min(len(values) // PACKETS_A_VALUE, MANY_VALUES - 1))
    return len(set(values)) > few


def without_mki(payloads: Sequence[bytes]) -> list[bytes]:
    """The payloads in which an MKI can't reach from the tag to their leading octets.

    An MKI ends where the tag begins or the packet ends. If it reached so far, it would cover the octet before the
    longest tag too; so that octet must vary. Where it doesn't, or payloads are short, nothing is known of them.
    """
    long = [payload for payload in payloads if len(payload) >= OPEN_OCTETS]
    return long if varies([payload[-MAX_TAG_OCTETS - 1] for payload in long]) else []


def read_codec(payloads: Sequence[bytes], encoding: str | None, trailers: Sequence[int] = TRAILERS) -> CodecTest:
    """How payloads of distinct packets fit the encoding, in any of its forms and with any of these trailers."""
    forms = FRAMINGS.get(encoding or "", ())
    if not forms or not payloads:
        return CodecTest()
    looks = math.log2(len(forms) * len(trailers))
    found = {trailer: max(_bits(payloads, form, trailer) for form in forms) for trailer in trailers}
    best, *others = sorted(found, key=lambda trailer: -found[trailer])
    told = found[best] > 0 and all(found[other] < CLEARLY_LESS * found[best] for other in others)
    refuted = all(_is_refuted(payloads, form, trailer) for form in forms for trailer in trailers)
    return CodecTest(max(found[best] - looks, 0.0), refuted, best if told else None)


def _bits(payloads: Sequence[bytes], form: CodecFraming, trailer: int) -> float:
    bodies = _telling(payloads, form, trailer)
    return _surprise_bits([form.fits(body) for body in bodies], [form.fit_chance(len(body)) for body in bodies])


def _telling(payloads: Sequence[bytes], form: CodecFraming, trailer: int) -> list[bytes]:
    """What stands before the trailer where the octets that the framing looks at are surely not an MKI's."""
    open_ones = without_mki(payloads) if form.marks is None else payloads
    bodies = [payload[: len(payload) - trailer] for payload in open_ones if len(payload) > trailer]
    if form.marks is None:
        return bodies
    # Where an MKI stands depends on the length of what is before it.
    marks = [{(len(body), place): mark for place, mark in enumerate(form.marks(body))} for body in bodies]
    seen: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    for one in marks:
        for place, mark in one.items():
            seen[place].append(mark)
    varied = {place for place, values in seen.items() if varies(values)}
    return [body for body, one in zip(bodies, marks, strict=True) if varied.issuperset(one)]


def _surprise_bits(fitting: Sequence[bool], chances: Sequence[float]) -> float:
    """−log2 of a bound on the chance that all but as many uniform payloads fit as did.

    Every choice of the others counts, each with the payloads that are likeliest to fit.
    """
    failing = list(fitting).count(False)
    if failing == len(fitting):
        return 0.0
    bits = sorted(min(-math.log2(chance), MAX_BITS) if chance else MAX_BITS for chance in chances)
    choices = math.log2(math.comb(len(fitting), failing)) + math.log2(len(fitting) + 1)
    return max(sum(bits[: len(bits) - failing]) - choices, 0.0)


def _is_refuted(payloads: Sequence[bytes], form: CodecFraming, trailer: int) -> bool:
    """Whether at least half as many payloads fail as would if their octets were uniform."""
    lengths = Counter(map(len, payloads))
    expected = sum(count * (1 - form.fit_chance(max(octets - trailer, 0))) for octets, count in lengths.items())
    failing = sum(not form.fits(payload[: max(len(payload) - trailer, 0)]) for payload in payloads)
    return failing >= max(REFUTING_PACKETS, expected / 2)
