# SPDX-License-Identifier: GPL-2.0-only
"""Clear speech to hear: decoders, the time line of a stream, both directions side by side, and DTMF as text."""
