# SPDX-License-Identifier: GPL-2.0-only
"""Policies: TOML files that select rules, severities, thresholds, strengths and the selection rule."""

from analyzer.model.default_policy import DEFAULT_POLICY
from analyzer.policies.resolve import PolicySummary, check_policy, list_policies, read_policy

__all__ = ["DEFAULT_POLICY", "PolicySummary", "check_policy", "list_policies", "read_policy"]
