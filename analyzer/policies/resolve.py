# SPDX-License-Identifier: GPL-2.0-only
"""From a name or a file to the policy in force: parents first, then what the child changes, then a digest."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from analyzer.errors import PolicyError
from analyzer.model.default_policy import DEFAULT_POLICY
from analyzer.model.negotiation import SelectionRule
from analyzer.model.outcome import Severity
from analyzer.model.policy import RETRY_SECONDS, Policy, RuleSetting
from analyzer.policies.document import PolicyDocument, Strength, closest, parse_document
from analyzer.rules.registry import CATALOGUE_VERSION, RULES

BUILT_IN = Path(__file__).parent  # not by importlib.resources, whose imports take longer than all the rest here
DEFAULT_TOLERATED_FAILURES = 0.01
MAX_PARENTS = 32


class PolicySummary(NamedTuple):
    """A built-in policy as a list shows it."""

    id: str
    version: int
    title: str
    description: str


class _Source(NamedTuple):
    """A policy file found; `folder` is where its relative parents lie, None for the built-in ones."""

    key: str
    document: PolicyDocument
    folder: Path | None


def list_policies() -> tuple[PolicySummary, ...]:
    """The built-in policies by name."""
    documents = (_builtin(name).document for name in _builtin_names())
    return tuple(PolicySummary(one.id, one.version, one.title, one.description) for one in documents)


def read_policy(name_or_path: str = DEFAULT_POLICY) -> Policy:
    """The policy of that name, or in that TOML file, with its parents merged in.

    Raises PolicyError: no such policy, not TOML, unknown key or rule, duplicate, parent missing or in a circle.
    """
    return _merge(_with_parents(_find(name_or_path, None)))


def check_policy(name_or_path: str) -> tuple[str, ...]:
    """Every problem of a policy as `place:line: what`; none means that `read_policy` will take it."""
    try:
        read_policy(name_or_path)
    except PolicyError as error:
        return tuple(str(error).split("\n"))
    return ()


def _builtin_names() -> tuple[str, ...]:
    return tuple(sorted(file.stem for file in BUILT_IN.glob("*.toml")))


def _builtin(name: str) -> _Source:
    data = BUILT_IN.joinpath(f"{name}.toml").read_bytes()
    return _Source(name, parse_document(data, f"{name}.toml"), None)


def _find(name_or_path: str, folder: Path | None) -> _Source:
    """A built-in policy by name, else the file; a parent's path is relative to the `folder` of its child."""
    if name_or_path in _builtin_names():
        return _builtin(name_or_path)
    path = (folder or Path()) / name_or_path
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        if not name_or_path.endswith(".toml") and "/" not in name_or_path:
            hint = closest(name_or_path, _builtin_names())
            message = f"no policy is called {name_or_path!r}; {hint}"
            raise PolicyError(message) from error
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"{path}: can't be read: {reason}"
        raise PolicyError(message) from error
    return _Source(str(path.resolve()), parse_document(data, str(path)), path.parent)


def _parent(child: _Source, reference: str) -> _Source:
    """The parent that `name@version` or a path ending in .toml names."""
    place = child.document.place
    if reference.endswith(".toml"):
        if child.folder is None:
            message = f"{place}: a built-in policy extends built-in ones only"
            raise PolicyError(message)
        return _find(reference, child.folder)
    name, _, version = reference.partition("@")
    if name not in _builtin_names():
        message = f"{place}: extends unknown policy {name!r}; {closest(name, _builtin_names())}"
        raise PolicyError(message)
    parent = _builtin(name)
    if version != str(parent.document.version):
        wanted = f"{name}@{parent.document.version}"
        message = f"{place}: extends {reference!r}, but only {wanted!r} is here"
        raise PolicyError(message)
    return parent


def _with_parents(start: _Source) -> tuple[PolicyDocument, ...]:
    """All documents in the order in which they apply, each once: parents before children, the policy itself last."""
    found: list[_Source] = []
    waiting: list[tuple[_Source, tuple[str, ...]]] = [(start, ())]
    while waiting:
        source, children = waiting.pop()
        if source.key in children:
            message = f"{source.document.place}: extends itself by way of its parents"
            raise PolicyError(message)
        found.append(source)
        if len(found) > MAX_PARENTS:
            message = f"{start.document.place}: has more than {MAX_PARENTS} parents"
            raise PolicyError(message)
        line = (*children, source.key)
        waiting.extend((_parent(source, reference), line) for reference in source.document.extends)
    ordered = {source.key: source.document for source in reversed(found)}
    return tuple(ordered.values())


def _merge(documents: tuple[PolicyDocument, ...]) -> Policy:
    last = documents[-1]
    severities: dict[str, Severity] = {}
    suites: dict[str, int] = {}
    key_agreements: dict[str, int] = {}
    parameters = {rule.id: {one.name: one.default for one in rule.parameters} for rule in RULES}
    selection_rule, tolerated, retry_seconds = SelectionRule.BY_CARRIER, DEFAULT_TOLERATED_FAILURES, RETRY_SECONDS
    for document in documents:
        _apply_rules(document, severities, parameters)
        _apply_strengths(document.suites, suites)
        _apply_strengths(document.key_agreements, key_agreements)
        selection_rule = document.selection_rule or selection_rule
        tolerated = tolerated if document.tolerated_failures is None else document.tolerated_failures
        retry_seconds = retry_seconds if document.retry_seconds is None else document.retry_seconds
    if not severities:
        message = f"{last.place}: selects no rule; extend {DEFAULT_POLICY!r} or name rules"
        raise PolicyError(message)
    settings = tuple(
        RuleSetting(rule.id, severities[rule.id], tuple(parameters[rule.id].items()))
        for rule in RULES
        if rule.id in severities
    )
    policy = Policy(
        id=last.id,
        version=last.version,
        title=last.title,
        sha256="",
        selection_rule=selection_rule,
        rules=settings,
        suite_strength=_strongest_first(suites),
        key_agreement_strength=_strongest_first(key_agreements),
        tolerated_failures=tolerated,
        retry_seconds=retry_seconds,
    )
    return replace(policy, sha256=_digest(policy))


def _apply_rules(
    document: PolicyDocument, severities: dict[str, Severity], parameters: dict[str, dict[str, int]]
) -> None:
    defaults = {rule.id: rule.severity for rule in RULES}
    for change in document.rules:
        parameters[change.id].update(change.parameters)
        if change.selected:
            severities[change.id] = change.severity or severities.get(change.id, defaults[change.id])
        else:
            severities.pop(change.id, None)


def _apply_strengths(rows: tuple[Strength, ...], table: dict[str, int]) -> None:
    table.update((row.name, row.strength) for row in rows)


def _strongest_first(table: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(table.items(), key=lambda item: (-item[1], item[0])))


def _digest(policy: Policy) -> str:
    """SHA-256 over the canonical JSON (sorted keys, UTF-8, no floats) of what is in force and of the catalogue."""
    resolved = {
        "catalogue": CATALOGUE_VERSION,
        "id": policy.id,
        "version": policy.version,
        "selection_rule": policy.selection_rule.value,
        "rules": {one.id: {"severity": one.severity.value, **dict(one.parameters)} for one in policy.rules},
        "suites": dict(policy.suite_strength),
        "key_agreements": dict(policy.key_agreement_strength),
        "tolerated_failures": repr(policy.tolerated_failures),
        "retry_seconds": policy.retry_seconds,
    }
    text = json.dumps(resolved, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
