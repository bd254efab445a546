# SPDX-License-Identifier: GPL-2.0-only
"""The texts of the rules: for reports, for `explain`, and RULES.md as a whole."""

import sys

from analyzer.model.policy import Policy
from analyzer.model.report import RuleText
from analyzer.rules.base import Parameter, Rule
from analyzer.rules.registry import CATALOGUE_VERSION, RULES, rule_by_id

_HEAD = f"""<!-- SPDX-License-Identifier: GPL-2.0-only -->
<!-- Made by `python -m analyzer.rules.catalogue`; change the rules, not this page. -->
# Rules

Catalogue version {CATALOGUE_VERSION}. Ids are permanent and never used again. A policy selects rules and may change
their severity and their parameters; no policy turns a failure into a pass. Missing evidence is `unknown`, never `pass`.

Confidence says how a finding is known: C1 statistical, C2 two observations joined, C3 the exact octets of one
exchange, C4 cryptographic proof.

| id | title | clause | severity | confidence |
|---|---|---|---|---|
"""


def rule_texts(policy: Policy) -> tuple[RuleText, ...]:
    """What a report says of each rule the policy selects."""
    rules = (rule_by_id(setting.id) for setting in policy.rules)
    return tuple(RuleText(one.id, one.title, one.citation, one.level.value, one.remediation) for one in rules)


def render_rule(rule: Rule) -> str:
    """One rule as a section of Markdown that also reads well as plain text."""
    meaning = rule.meaning
    return f"""## {rule.id}: {rule.title}

{rule.citation}; level: {rule.level}; severity: {rule.severity}; confidence: {rule.confidence};
needs: {", ".join(rule.needs)}

- pass: {meaning.passes}
- fail: {meaning.fails}
- unknown: {meaning.unknown}
- not-applicable: {meaning.not_applicable}
{"".join(map(_parameter, rule.parameters))}
Remedy: {rule.remediation}
"""


def _parameter(parameter: Parameter) -> str:
    name, default, _, meaning = parameter
    return f"- parameter `{name}`, {default} unless the policy says otherwise: {meaning}\n"


def render_catalogue() -> str:
    """RULES.md."""
    rows = "".join(
        f"| {one.id} | {one.title} | {one.citation} ({one.level}) | {one.severity} | {one.confidence} |\n"
        for one in RULES
    )
    return f"{_HEAD}{rows}\n" + "\n".join(render_rule(rule) for rule in RULES)


if __name__ == "__main__":
    sys.stdout.write(render_catalogue())
