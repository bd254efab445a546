# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY for Scapy: the common header and a layer for each payload (RFC 3830 §6 and its extensions).

`MIKEY(data).show()` prints the message with the RFC's names; `MIKEY(...) / MIKEY_T(...) / MIKEY_RAND(...)` builds one,
filling each `next_payload` and `cs_count` that is None.
"""

from dissectors.layers.mikey.base_payloads import (
    MIKEY_CERT,
    MIKEY_CHASH,
    MIKEY_DH,
    MIKEY_ERR,
    MIKEY_ID,
    MIKEY_KEMAC,
    MIKEY_PKE,
    MIKEY_RAND,
    MIKEY_SIGN,
    MIKEY_T,
    MIKEY_V,
    MIKEY_GeneralExtension,
    MIKEY_KeyData,
)
from dissectors.layers.mikey.header import MIKEY, MIKEY_CS, MIKEY_CS_Generic
from dissectors.layers.mikey.later_payloads import (
    MIKEY_ECCPT,
    MIKEY_ESK,
    MIKEY_IBAKE,
    MIKEY_IDR,
    MIKEY_RANDR,
    MIKEY_SAKKE,
    MIKEY_SK,
    MIKEY_TICKET,
    MIKEY_TP,
    MIKEY_TR,
)
from dissectors.layers.mikey.payload import LAYERS, MikeyPayload
from dissectors.layers.mikey.policies import MIKEY_SP, MIKEY_SP_Param, MIKEY_SP_Raw_Param, MIKEY_TESLA_Param

__all__ = [
    "LAYERS",
    "MIKEY",
    "MIKEY_CERT",
    "MIKEY_CHASH",
    "MIKEY_CS",
    "MIKEY_DH",
    "MIKEY_ECCPT",
    "MIKEY_ERR",
    "MIKEY_ESK",
    "MIKEY_IBAKE",
    "MIKEY_ID",
    "MIKEY_IDR",
    "MIKEY_KEMAC",
    "MIKEY_PKE",
    "MIKEY_RAND",
    "MIKEY_RANDR",
    "MIKEY_SAKKE",
    "MIKEY_SIGN",
    "MIKEY_SK",
    "MIKEY_SP",
    "MIKEY_T",
    "MIKEY_TICKET",
    "MIKEY_TP",
    "MIKEY_TR",
    "MIKEY_V",
    "MIKEY_CS_Generic",
    "MIKEY_GeneralExtension",
    "MIKEY_KeyData",
    "MIKEY_SP_Param",
    "MIKEY_SP_Raw_Param",
    "MIKEY_TESLA_Param",
    "MikeyPayload",
]
