# SPDX-License-Identifier: GPL-2.0-only
"""The only place where wire formats are understood: bytes in, values out; stdlib only, no I/O, no Scapy.

`parse_*` turns bytes into a frozen value that keeps order, spelling and everything it does not know, `build_*` turns
the value back into the same bytes. Oddities that can be stepped over are `Defect`s on the value; a `GrammarError`
means that no value can be formed.
"""
