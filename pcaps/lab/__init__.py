# SPDX-License-Identifier: GPL-2.0-only
"""The experiment the paper promised: calls between random endpoints, made here and judged by the auditor."""
