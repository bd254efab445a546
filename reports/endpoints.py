# SPDX-License-Identifier: GPL-2.0-only
"""What endpoints offered over all calls, for people and for programs."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from analyzer.model.endpoint import EndpointProfile, Listed, OfferedSecurity, OfferPeriod
from analyzer.model.report import Report
from reports.spelling import time_text

NOTHING = "nothing"


class PeriodView(NamedTuple):
    """One row of the table of endpoints; `changed` names what differs from the period before of its media type."""

    period: OfferPeriod
    key_agreements: str
    suites: str
    changed: tuple[str, ...]


class EndpointView(NamedTuple):
    """One endpoint and its rows."""

    profile: EndpointProfile
    rows: tuple[PeriodView, ...]

    @property
    def is_changed(self) -> bool:
        """Whether it ever offered something else."""
        return any(row.changed for row in self.rows)


def view_endpoints(report: Report) -> tuple[EndpointView, ...]:
    """Endpoints with their rows: those that changed first, else in order of their first offer."""
    views = [EndpointView(profile, tuple(_rows(profile))) for profile in report.endpoints]
    return tuple(sorted(views, key=lambda view: not view.is_changed))


def _rows(profile: EndpointProfile) -> Iterator[PeriodView]:
    before = {id(later): earlier for earlier, later in profile.changes()}
    for period in profile.periods:
        offered, earlier = period.offered, before.get(id(period))
        changed = tuple(differences(earlier.offered, offered)) if earlier is not None else ()
        yield PeriodView(period, listed_text(offered.key_agreements), listed_text(offered.suites), changed)


def differences(before: OfferedSecurity, after: OfferedSecurity) -> Iterator[str]:
    """What changed from one offer to another, in words."""
    if before.proto != after.proto:
        yield f"profile {before.proto} to {after.proto}"
    for word, one, other in (
        ("key agreement", before.key_agreements, after.key_agreements),
        ("suite", before.suites, after.suites),
    ):
        old, new = [name for name, _ in one], [name for name, _ in other]
        yield from (f"{word} {name} gone" for name in dict.fromkeys(old) if name not in new)
        yield from (f"{word} {name} new" for name in dict.fromkeys(new) if name not in old)
        if one != other and set(old) == set(new):
            yield f"order or priorities of the {word}s"


def listed_text(listed: Listed) -> str:
    """Names in the order of the offer; a priority stands behind its name where the order does not give it."""
    in_order = all(priority in (None, place) for place, (_, priority) in enumerate(listed))
    names = [name if in_order or priority is None else f"{name} ({priority})" for name, priority in listed]
    return ", ".join(names) or NOTHING


def endpoint_object(profile: EndpointProfile) -> dict[str, Any]:
    """One endpoint as a JSON object."""
    return {
        "aor": profile.aor,
        "user_agent": profile.user_agent,
        "asserted": list(profile.asserted),
        "changes": len(profile.changes()),
        "omitted": profile.omitted,
        "offered": [_period_object(period) for period in profile.periods],
    }


def _period_object(period: OfferPeriod) -> dict[str, Any]:
    offered = period.offered
    return {
        "type": offered.media_type,
        "profile": offered.proto,
        "key_agreements": [{"name": name, "priority": priority} for name, priority in offered.key_agreements],
        "suites": [{"name": name, "priority": priority} for name, priority in offered.suites],
        "offers": period.offers,
        "hosts": list(period.hosts),
        "first": {"capture": period.first.capture, "frame": period.first.frame, "time": time_text(period.first_ns)},
        "last": {"capture": period.last.capture, "frame": period.last.frame, "time": time_text(period.last_ns)},
    }
