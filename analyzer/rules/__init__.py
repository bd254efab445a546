# SPDX-License-Identifier: GPL-2.0-only
"""One rule, one file; what they say of a call, what follows for the capture set and for the exit code."""
