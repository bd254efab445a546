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
# The first message of each exchange, by whom it begins (RFC 3830 §3, RFC 4650 §3, RFC 4738 §3.1, RFC 6043 §4.2,
# RFC 6267 §4.2, RFC 6509 §2.1).
INITIATORS = frozenset(
    {
        DataType.PRE_SHARED,
        DataType.PUBLIC_KEY,
        DataType.DH_INIT,
        DataType.DHHMAC_INIT,
        DataType.RSA_R_I_MSG,
        DataType.REQUEST_INIT_PSK,
        DataType.REQUEST_INIT_PK,
        DataType.TRANSFER_INIT,
        DataType.RESOLVE_INIT_PSK,
        DataType.RESOLVE_INIT_PK,
        DataType.REQUEST_KEY_PSK,
        DataType.REQUEST_KEY_PKE,
        DataType.I_MESSAGE_1,
        DataType.I_MESSAGE_2,
        DataType.SAKKE_MSG,
    }
)


def is_initiators(data_type: int) -> bool:
    """Whether a message of that type begins an exchange."""
    return data_type in INITIATORS
