# SPDX-License-Identifier: GPL-2.0-only
"""The policy that holds where nobody names one."""

DEFAULT_POLICY = "ietf-baseline"
