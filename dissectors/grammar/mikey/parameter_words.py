# SPDX-License-Identifier: GPL-2.0-only
"""Security policy parameters as names, values and units: SRTP's and TESLA's (RFC 3830 §6.10.1, RFC 4442 §4.2)."""

from typing import NamedTuple

from dissectors.grammar.mikey.payloads import PolicyParameter, SecurityPolicy
from dissectors.grammar.mikey.registries import (
    ProtocolType,
    Registry,
    SrtpAuthentication,
    SrtpEncryption,
    SrtpParameter,
    SrtpPrf,
    TeslaAlgorithm,
    TeslaParameter,
    name_of,
)

MAX_NUMBER_OCTETS = 8
NTP_OCTETS = 8


class ParameterWords(NamedTuple):
    """A parameter's name and its value with its unit; octets that are no number of a sensible size stay hexadecimal."""

    name: str
    value: str


_ALGORITHMS: dict[int, type[Registry]] = {
    SrtpParameter.ENCRYPTION_ALGORITHM: SrtpEncryption,
    SrtpParameter.AUTHENTICATION_ALGORITHM: SrtpAuthentication,
    SrtpParameter.SRTP_PRF: SrtpPrf,
    SrtpParameter.SRTP_AUTH_ALGORITHM: SrtpAuthentication,
    SrtpParameter.SRTCP_AUTH_ALGORITHM: SrtpAuthentication,
}
_SWITCHES = frozenset(
    {SrtpParameter.SRTP_ENCRYPTION, SrtpParameter.SRTCP_ENCRYPTION, SrtpParameter.SRTP_AUTHENTICATION}
)
_UNITS: dict[int, str] = {
    SrtpParameter.SESSION_ENCR_KEY_LENGTH: "octets",
    SrtpParameter.SESSION_AUTH_KEY_LENGTH: "octets",
    SrtpParameter.SESSION_SALT_KEY_LENGTH: "octets",
    SrtpParameter.AUTH_TAG_LENGTH: "octets",
    SrtpParameter.SRTP_PREFIX_LENGTH: "octets",
    SrtpParameter.ROC_TRANSMISSION_RATE: "packets",
    SrtpParameter.SRTP_AUTH_KEY_LENGTH: "octets",
    SrtpParameter.SRTCP_AUTH_KEY_LENGTH: "octets",
    SrtpParameter.SRTP_AUTH_TAG_LENGTH: "octets",
    SrtpParameter.SRTCP_AUTH_TAG_LENGTH: "octets",
    SrtpParameter.AEAD_TAG_LENGTH: "octets",
}
_TESLA_UNITS: dict[int, str] = {
    TeslaParameter.PRF_OUTPUT_LENGTH: "bits",
    TeslaParameter.MAC_OUTPUT_LENGTH: "bits",
    TeslaParameter.INTERVAL_DURATION: "ms",
    TeslaParameter.KEY_DISCLOSURE_DELAY: "intervals",
    TeslaParameter.KEY_CHAIN_LENGTH: "intervals",
}


def parameter_in_words(protocol_type: int, parameter: PolicyParameter) -> ParameterWords:
    """One parameter of a policy for that protocol; of an unknown protocol the octets alone."""
    if protocol_type == ProtocolType.SRTP:
        return ParameterWords(name_of(SrtpParameter, parameter.type), _srtp_value(parameter))
    if protocol_type == ProtocolType.TESLA:
        return ParameterWords(name_of(TeslaParameter, parameter.type), _tesla_value(parameter))
    return ParameterWords(f"type {parameter.type}", _hexadecimal(parameter.value))


def policy_in_words(policy: SecurityPolicy) -> tuple[ParameterWords, ...]:
    """Every parameter of a policy, in wire order."""
    return tuple(parameter_in_words(policy.protocol_type, each) for each in policy.parameters)


def _srtp_value(parameter: PolicyParameter) -> str:
    number = _number(parameter.value)
    if number is None:
        return _hexadecimal(parameter.value)
    registry = _ALGORITHMS.get(parameter.type)
    if registry is not None:
        return name_of(registry, number)
    if parameter.type in _SWITCHES:
        return {0: "off", 1: "on"}.get(number, str(number))
    if parameter.type == SrtpParameter.FEC_ORDER and not number:
        return "FEC before SRTP"
    return _with_unit(number, _UNITS.get(parameter.type, ""))


def _tesla_value(parameter: PolicyParameter) -> str:
    number = _number(parameter.value)
    if parameter.type in (TeslaParameter.START_OF_SESSION, TeslaParameter.RECEIVER_TIMESTAMP):
        if len(parameter.value) == NTP_OCTETS:
            return f"NTP second {int.from_bytes(parameter.value[:4], 'big')}"
        return _hexadecimal(parameter.value)
    if number is None:
        return _hexadecimal(parameter.value)
    if parameter.type in (TeslaParameter.PRF, TeslaParameter.MAC):
        return name_of(TeslaAlgorithm, number)
    return _with_unit(number, _TESLA_UNITS.get(parameter.type, ""))


def _number(value: bytes) -> int | None:
    return int.from_bytes(value, "big") if 0 < len(value) <= MAX_NUMBER_OCTETS else None


def _with_unit(number: int, unit: str) -> str:
    return f"{number} {unit}".rstrip()


def _hexadecimal(value: bytes) -> str:
    return f"0x{value.hex()}" if value else "(empty)"
