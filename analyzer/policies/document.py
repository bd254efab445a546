# SPDX-License-Identifier: GPL-2.0-only
"""One policy file: read, validated, every problem named with its line where it can be told."""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from analyzer.errors import PolicyError
from analyzer.model.negotiation import SelectionRule
from analyzer.model.outcome import Severity
from analyzer.rules.registry import rule_by_id, rule_ids
from dissectors.grammar.late_dataclass import dataclass

SCHEMA = 1
MAX_FILE_OCTETS = 1 << 20
MAX_PARAMETER = 1_000_000_000
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_TABLES = {
    "": ("schema", "policy", "selection", "thresholds", "strength", "rules"),
    "policy": ("id", "version", "title", "description", "extends"),
    "selection": ("rule",),
    "thresholds": ("tolerated_failures", "retry_seconds"),
    "strength": ("suites", "key_agreements"),
}
_ROW = ("name", "strength", "source")
_RULE = ("selected", "severity")


class Strength(NamedTuple):
    """How strong a suite or key agreement is held to be (higher is stronger), and by whom."""

    name: str
    strength: int
    source: str


class RuleChange(NamedTuple):
    """What a policy says of one rule; `severity` None leaves it as it was, as do parameters that are not named."""

    id: str
    selected: bool
    severity: Severity | None
    parameters: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A policy file by itself, before its parents are merged in; None and empty mean that it says nothing."""

    place: str
    id: str
    version: int
    title: str
    description: str
    extends: tuple[str, ...]
    selection_rule: SelectionRule | None
    tolerated_failures: float | None
    retry_seconds: int | None
    suites: tuple[Strength, ...]
    key_agreements: tuple[Strength, ...]
    rules: tuple[RuleChange, ...]


def closest(word: str, known: Collection[str]) -> str:
    """A hint that names the known word most like `word`, or all of them where none is."""
    import difflib  # noqa: PLC0415 - for whoever misspelt a name

    match = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {match[0]!r}?" if match else f"known: {', '.join(known)}"


def parse_document(data: bytes, place: str) -> PolicyDocument:
    """The policy in `data`; raises PolicyError that lists every problem as `place:line: what`."""
    if len(data) > MAX_FILE_OCTETS:
        message = f"{place}: longer than {MAX_FILE_OCTETS} octets; that is no policy"
        raise PolicyError(message)
    try:
        text = data.decode("utf-8")
        tree = tomllib.loads(text)
    except UnicodeDecodeError as error:
        message = f"{place}: not UTF-8 at octet {error.start}"
        raise PolicyError(message) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        message = f"{place}: not TOML: {error}"
        raise PolicyError(message) from error
    return _Reader(text, place).read(tree)


class _Reader:
    """Turns the tables of one file into values and collects what is wrong with them."""

    def __init__(self, text: str, place: str) -> None:
        self._lines = text.splitlines()
        self._place = place
        self._problems: list[str] = []

    def read(self, tree: Mapping[str, Any]) -> PolicyDocument:
        self._check_keys(tree, "", _TABLES[""])
        if tree.get("schema") != SCHEMA:
            self._problem(("schema",), f"schema has to be {SCHEMA}")
        head = self._table(tree, "policy")
        selection, thresholds = self._table(tree, "selection"), self._table(tree, "thresholds")
        strength = self._table(tree, "strength")
        document = PolicyDocument(
            self._place,
            self._id(head),
            self._version(head),
            self._text(head, "title", required=True),
            self._text(head, "description"),
            self._extends(head),
            self._selection_rule(selection),
            self._tolerated_failures(thresholds),
            self._retry_seconds(thresholds),
            tuple(self._strengths(strength, "suites")),
            tuple(self._strengths(strength, "key_agreements")),
            tuple(self._rules(tree.get("rules", {}))),
        )
        if self._problems:
            raise PolicyError("\n".join(self._problems))
        return document

    def _problem(self, path: tuple[str, ...], what: str) -> None:
        line = self._line_of(path)
        self._problems.append(f"{self._place}:{line}: {what}" if line else f"{self._place}: {what}")

    def _line_of(self, path: tuple[str, ...]) -> int:
        """The line on which the last word of `path` stands after the others, 0 where it is not found."""
        found = 0
        for word in path:
            pattern = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
            following = range(max(found - 1, 0), len(self._lines))
            hit = next((i for i in following if pattern.search(self._lines[i].split("#", 1)[0])), None)
            if hit is None:
                return found
            found = hit + 1
        return found

    def _check_keys(self, table: Mapping[str, Any], name: str, known: Collection[str]) -> None:
        for key in table:
            if key not in known:
                self._problem((*filter(None, name.split(".")), key), f"unknown key {key!r}; {closest(key, known)}")

    def _table(self, tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        table = tree.get(name, {})
        if not isinstance(table, dict):
            self._problem((name,), f"{name} has to be a table")
            return {}
        self._check_keys(table, name, _TABLES[name])
        return table

    def _text(self, table: Mapping[str, Any], key: str, *, required: bool = False) -> str:
        value = table.get(key, "")
        if not isinstance(value, str) or (required and not value.strip()):
            self._problem(("policy", key), f"{key} has to be a text")
            return ""
        return value

    def _id(self, head: Mapping[str, Any]) -> str:
        value = self._text(head, "id", required=True)
        if value and not _ID.fullmatch(value):
            self._problem(("policy", "id"), "id has to be lower-case letters, digits and single hyphens")
        return value

    def _version(self, head: Mapping[str, Any]) -> int:
        value = head.get("version")
        if type(value) is not int or value < 1:
            self._problem(("policy", "version"), "version has to be a whole number from 1")
            return 0
        return value

    def _extends(self, head: Mapping[str, Any]) -> tuple[str, ...]:
        value = head.get("extends", [])
        if not isinstance(value, list) or not all(isinstance(parent, str) for parent in value):
            self._problem(("policy", "extends"), 'extends has to be a list such as ["ietf-baseline@1"]')
            return ()
        return tuple(value)

    def _selection_rule(self, table: Mapping[str, Any]) -> SelectionRule | None:
        known = tuple(rule.value for rule in SelectionRule if rule not in _NOT_SELECTABLE)
        value = table.get("rule")
        if value is None:
            return None
        if not isinstance(value, str) or value not in known:
            self._problem(("selection", "rule"), f"unknown selection rule {value!r}; {closest(str(value), known)}")
            return None
        return SelectionRule(value)

    def _tolerated_failures(self, table: Mapping[str, Any]) -> float | None:
        value = table.get("tolerated_failures")
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
            self._problem(("thresholds", "tolerated_failures"), "tolerated_failures is a share from 0 to below 1")
            return None
        return float(value)

    def _retry_seconds(self, table: Mapping[str, Any]) -> int | None:
        value = table.get("retry_seconds")
        if value is None:
            return None
        if not _is_whole(value, 0):
            text = f"retry_seconds has to be a whole number from 0 to {MAX_PARAMETER:,}"
            self._problem(("thresholds", "retry_seconds"), text)
            return None
        return int(value)

    def _strengths(self, table: Mapping[str, Any], key: str) -> Iterator[Strength]:
        rows = table.get(key, [])
        if not isinstance(rows, list):
            self._problem(("strength", key), f"{key} has to be a list of tables")
            return
        seen: set[str] = set()
        for row in rows:
            strength = self._strength(row, key)
            if strength is None:
                continue
            if strength.name in seen:
                self._problem(("strength", key, strength.name), f"{strength.name!r} stands twice in {key}")
            seen.add(strength.name)
            yield strength

    def _strength(self, row: Any, key: str) -> Strength | None:
        path = ("strength", key)
        if not isinstance(row, dict):
            self._problem(path, f"each row of {key} is a table of {', '.join(_ROW)}")
            return None
        name, strength, source = (row.get(column) for column in _ROW)
        where = (*path, name) if isinstance(name, str) else path
        for column in row.keys() - set(_ROW):
            self._problem((*where, column), f"unknown key {column!r}; {closest(column, _ROW)}")
        if not isinstance(name, str) or not name or not isinstance(source, str) or not source.strip():
            self._problem(where, f"each row of {key} needs a name and a source")
            return None
        if type(strength) is not int:
            self._problem(where, f"the strength of {name!r} has to be a whole number")
            return None
        return Strength(name, strength, source)

    def _rules(self, table: Any) -> Iterator[RuleChange]:
        if not isinstance(table, dict):
            self._problem(("rules",), 'rules are tables such as [rules."SIG-002"]')
            return
        for rule, setting in table.items():
            if rule not in rule_ids():
                self._problem((rule,), f"unknown rule {rule!r}; {closest(rule, rule_ids())}")
            elif not isinstance(setting, dict):
                self._problem((rule,), f"the setting of {rule} has to be a table")
            else:
                yield self._rule(rule, setting)

    def _rule(self, rule: str, setting: Mapping[str, Any]) -> RuleChange:
        parameters = {one.name: one for one in rule_by_id(rule).parameters}
        known_keys = (*_RULE, *parameters)
        for key in setting.keys() - set(known_keys):
            self._problem((rule, key), f"unknown key {key!r}; {closest(key, known_keys)}")
        given = [(name, setting[name]) for name in parameters if name in setting]
        for name, value in given:
            if not _is_whole(value, parameters[name].least):
                text = f"{name} of {rule} has to be a whole number from {parameters[name].least} to {MAX_PARAMETER:,}"
                self._problem((rule, name), text)
        selected, severity = setting.get("selected", True), setting.get("severity")
        if not isinstance(selected, bool):
            self._problem((rule, "selected"), f"selected of {rule} has to be true or false")
        known = tuple(severity.value for severity in Severity)
        if severity is not None and severity not in known:
            self._problem((rule, "severity"), f"unknown severity {severity!r}; {closest(str(severity), known)}")
            severity = None
        return RuleChange(rule, bool(selected), None if severity is None else Severity(severity), tuple(given))


def _is_whole(value: object, least: int) -> bool:
    return type(value) is int and least <= value <= MAX_PARAMETER


_NOT_SELECTABLE = (SelectionRule.ANY_COMMON, SelectionRule.SINGLE)
