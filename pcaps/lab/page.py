# SPDX-License-Identifier: GPL-2.0-only
"""The write-up: a page of text with its tables, and a plot for each of them as a small SVG."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pcaps.lab.experiment import EFFECTS, METHODS, Attacked, Negotiated, Results
from pcaps.lab.schemes import SCHEMES

BAR_WIDTH = 460
COLOURS = ("#3b7dd8", "#e08a1e", "#7a5cc0", "#2f9e6e", "#c9404a", "#1f2328")
EFFECT_COLOURS = ("#2f9e6e", "#c8ced6", "#3b7dd8", "#7a5cc0", "#e08a1e", "#c9404a")


class Segment(NamedTuple):
    """One stretch of a bar."""

    x: float
    width: float
    colour: str


class Bar(NamedTuple):
    """A labelled bar with its stretches, and what is written behind it."""

    label: str
    segments: tuple[Segment, ...]
    text: str


class MethodRow(NamedTuple):
    """One method's counts; ranks and shares are of the calls that were made."""

    method: str
    calls: int
    made: float
    rank_alice: float
    rank_bob: float
    strongest: float
    short_tag: float
    conform: float
    proved: float


class CarrierRow(NamedTuple):
    """One carrier under one attack: the calls of a checking Bob and of a careless one, by effect."""

    scheme: str
    attack: str
    manner: str
    effects: tuple[float, ...]


def method_rows(results: Results) -> tuple[MethodRow, ...]:
    """A row for each method."""
    return tuple(_method_row(method, calls) for method, calls in results.by_method().items())


def _method_row(method: str, calls: Sequence[Negotiated]) -> MethodRow:
    made = [one for one in calls if one.agreed]
    ranks = [one.ranks for one in made if one.ranks is not None]
    return MethodRow(
        method,
        len(calls),
        _share(len(made), len(calls)),
        sum(rank[0] for rank in ranks) / max(1, len(ranks)),
        sum(rank[1] for rank in ranks) / max(1, len(ranks)),
        _share(sum(one.strongest for one in made), len(made)),
        _share(sum(one.short_tag for one in made), len(made)),
        _share(sum(one.verdict == "conform" for one in made), len(made)),
        _share(sum(one.proved for one in made), len(made)),
    )


def carrier_rows(results: Results) -> tuple[CarrierRow, ...]:
    """A row for each carrier, attack and manner of Bob."""
    groups: dict[tuple[str, str, str], list[Attacked]] = {}
    for one in results.attacked:
        groups.setdefault((one.scheme, one.attack, one.manner), []).append(one)
    return tuple(CarrierRow(*key, _effects(group)) for key, group in groups.items())


def unnoticed(results: Results) -> tuple[tuple[str, float, float], ...]:
    """Of each carrier the share of attacks that a checking Bob does not notice, and of these what the auditor omits."""
    found = []
    for scheme in SCHEMES:
        mine = [one for one in results.attacked if one.scheme == scheme.name and one.manner == "checking"]
        worked = [one for one in mine if one.weaker]
        unsaid = [one for one in worked if one.effect == EFFECTS[-1]]
        found.append((scheme.name, _share(len(worked), len(mine)), _share(len(unsaid), len(worked))))
    return tuple(found)


def _effects(group: Sequence[Attacked]) -> tuple[float, ...]:
    counts = Counter(one.effect for one in group)
    return tuple(_share(counts[effect], len(group)) for effect in EFFECTS)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _stack(parts: Sequence[float], colours: Sequence[str]) -> Iterator[Segment]:
    x = 0.0
    for part, colour in zip(parts, colours, strict=True):
        if part:
            yield Segment(round(x, 1), round(BAR_WIDTH * part, 1), colour)
        x += BAR_WIDTH * part


def _method_bars(rows: Sequence[MethodRow]) -> tuple[Bar, ...]:
    return tuple(
        Bar(row.method, tuple(_stack((row.made,), (COLOURS[place],))), f"{row.made:.0%}")
        for place, row in enumerate(rows)
    )


def _rank_bars(rows: Sequence[MethodRow]) -> tuple[Bar, ...]:
    bars = []
    for row in rows:
        for side, rank, colour in (("Alice", row.rank_alice, COLOURS[0]), ("Bob", row.rank_bob, COLOURS[1])):
            bars.append(Bar(f"{row.method}: {side}", tuple(_stack((rank / 2,), (colour,))), f"{rank:.2f}"))
    return tuple(bars)


def _attack_bars(rows: Sequence[CarrierRow]) -> tuple[Bar, ...]:
    return tuple(
        Bar(f"{row.scheme}: {row.attack}", tuple(_stack(row.effects, EFFECT_COLOURS)), "")
        for row in rows
        if row.manner == "checking"
    )


def write(results: Results, folder: Path, command: str) -> None:
    """`experiment.md` and its plots into a folder."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=lambda name: name is not None and name.endswith(".svg.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    rows, carriers = method_rows(results), carrier_rows(results)
    plot = environment.get_template("bars.svg.j2")
    legend = tuple(zip(EFFECTS, EFFECT_COLOURS, strict=True))
    sides = (("Alice", COLOURS[0]), ("Bob", COLOURS[1]))
    for name, title, bars, keys in (
        ("success", "Calls that were made", _method_bars(rows), ()),
        ("ranks", "Mean rank of the outcome in each side's own list (0 is best)", _rank_bars(rows), sides),
        ("attacks", "What becomes of an attack where Bob checks what he can", _attack_bars(carriers), legend),
    ):
        text = plot.render(title=title, bars=bars, legend=keys, bar_width=BAR_WIDTH)
        (folder / f"experiment-{name}.svg").write_text(text, encoding="utf-8")
    page = environment.get_template("experiment.md.j2").render(
        results=results, rows=rows, carriers=carriers, effects=EFFECTS, unnoticed=unnoticed(results), command=command
    )
    (folder / "experiment.md").write_text(page, encoding="utf-8")


__all__ = ["METHODS", "carrier_rows", "method_rows", "unnoticed", "write"]
