# SPDX-License-Identifier: GPL-2.0-only
"""All rules in the order of the catalogue; a rule exists when it stands here."""

from analyzer.rules import (
    dtl_001,
    dtl_006,
    dtl_007,
    idn_001,
    idn_002,
    idn_003,
    kmg_002,
    kmg_003,
    kmg_009,
    mky_001,
    mky_004,
    mky_005,
    mky_006,
    mky_007,
    mky_008,
    mky_009,
    mky_010,
    mky_011,
    mky_025,
    pri_001,
    pri_002,
    pri_003,
    pri_004,
    pri_005,
    pri_006,
    pri_007,
    pri_008,
    pri_009,
    pro_001,
    pro_003,
    pro_004,
    sde_003,
    sde_004,
    sde_005,
    sde_006,
    sde_010,
    sde_011,
    sig_002,
    sig_010,
    sig_011,
    srt_001,
    srt_002,
    srt_003,
    srt_009,
)
from analyzer.rules.base import Rule

CATALOGUE_VERSION = 6  # grows when a rule is added or asks something else

RULES: tuple[Rule, ...] = (
    sig_002.RULE,
    sig_010.RULE,
    sig_011.RULE,
    pro_001.RULE,
    pro_003.RULE,
    pro_004.RULE,
    sde_003.RULE,
    sde_004.RULE,
    sde_005.RULE,
    sde_006.RULE,
    sde_010.RULE,
    sde_011.RULE,
    kmg_002.RULE,
    kmg_003.RULE,
    kmg_009.RULE,
    mky_001.RULE,
    mky_004.RULE,
    mky_005.RULE,
    mky_006.RULE,
    mky_007.RULE,
    mky_008.RULE,
    mky_009.RULE,
    mky_010.RULE,
    mky_011.RULE,
    mky_025.RULE,
    pri_001.RULE,
    pri_002.RULE,
    pri_003.RULE,
    pri_004.RULE,
    pri_005.RULE,
    pri_006.RULE,
    pri_007.RULE,
    pri_008.RULE,
    pri_009.RULE,
    dtl_001.RULE,
    dtl_006.RULE,
    dtl_007.RULE,
    srt_001.RULE,
    srt_002.RULE,
    srt_003.RULE,
    srt_009.RULE,
    idn_001.RULE,
    idn_002.RULE,
    idn_003.RULE,
)
_BY_ID = {rule.id: rule for rule in RULES}


def rule_ids() -> tuple[str, ...]:
    """The id of every rule, in the order of the catalogue."""
    return tuple(_BY_ID)


def rule_by_id(rule_id: str) -> Rule:
    """The rule of that id; KeyError for one that does not exist, which no read policy names."""
    return _BY_ID[rule_id]
