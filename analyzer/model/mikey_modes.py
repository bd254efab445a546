# SPDX-License-Identifier: GPL-2.0-only
"""Which key agreement a MIKEY message stands for: the mode is the message, so its data type tells (RFC 3830 §6.1)."""

from dissectors.grammar.mikey.registries import DataType

MIKEY_MODES: dict[int, str] = {
    DataType.PRE_SHARED: "MIKEY-PSK",
    DataType.PSK_VER_MSG: "MIKEY-PSK",
    DataType.PUBLIC_KEY: "MIKEY-PKE",
    DataType.PK_VER_MSG: "MIKEY-PKE",
    DataType.DH_INIT: "MIKEY-DH",
    DataType.DH_RESP: "MIKEY-DH",
    DataType.DHHMAC_INIT: "MIKEY-DHHMAC",
    DataType.DHHMAC_RESP: "MIKEY-DHHMAC",
    DataType.RSA_R_I_MSG: "MIKEY-RSA-R",
    DataType.RSA_R_R_MSG: "MIKEY-RSA-R",
    DataType.SAKKE_MSG: "MIKEY-SAKKE",
    **dict.fromkeys(range(DataType.REQUEST_INIT_PSK, DataType.RESOLVE_RESP + 1), "MIKEY-TICKET"),
    **dict.fromkeys(range(DataType.REQUEST_KEY_PSK, DataType.R_MESSAGE_2 + 1), "MIKEY-IBAKE"),
}
