# SPDX-License-Identifier: GPL-2.0-only
"""One module per way in which a preference list reaches the wire: `Preference` values, no judgement."""
