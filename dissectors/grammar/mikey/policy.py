# SPDX-License-Identifier: GPL-2.0-only
"""What an SRTP security policy amounts to: its parameters with SRTP's defaults, and the suite they make.

RFC 3830 §6.10.1 (a parameter that is not set takes SRTP's own default), RFC 3711 §8.2 (the defaults), RFC 4771 §4,
RFC 5748 §2, RFC 6188, RFC 7714 §14.3 and §15, RFC 8269 §6.
"""

from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import Malformed
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.mikey.payloads import PolicyParameter, SecurityPolicy
from dissectors.grammar.mikey.reading import known
from dissectors.grammar.mikey.registries import ProtocolType, SrtpAuthentication, SrtpEncryption, SrtpParameter, name_of

CLAUSE = "RFC 3830 §6.10.1"
MAX_VALUE_OCTETS = 4
SRTP_PARAMETERS = known(SrtpParameter)
AEAD_TAG_OCTETS: dict[int, int] = {SrtpEncryption.SEED_CCM: 10, SrtpEncryption.SEED_GCM: 12}
AEAD_DEFAULT_TAG_OCTETS = 16
AEAD = frozenset({SrtpEncryption.SEED_CCM, SrtpEncryption.SEED_GCM, SrtpEncryption.AES_GCM, SrtpEncryption.ARIA_GCM})
AUTH_KEY_OCTETS = 20
TAG_OCTETS = frozenset({4, 10})

# (encryption, session encryption key octets, SRTP tag octets) with HMAC-SHA-1, or the AEAD's own tag.
SUITES: dict[tuple[int, int, int], str] = {
    (SrtpEncryption.AES_CM, 16, 10): "AES_CM_128_HMAC_SHA1_80",
    (SrtpEncryption.AES_CM, 16, 4): "AES_CM_128_HMAC_SHA1_32",
    (SrtpEncryption.AES_CM, 24, 10): "AES_192_CM_HMAC_SHA1_80",
    (SrtpEncryption.AES_CM, 24, 4): "AES_192_CM_HMAC_SHA1_32",
    (SrtpEncryption.AES_CM, 32, 10): "AES_256_CM_HMAC_SHA1_80",
    (SrtpEncryption.AES_CM, 32, 4): "AES_256_CM_HMAC_SHA1_32",
    (SrtpEncryption.AES_F8, 16, 10): "F8_128_HMAC_SHA1_80",
    (SrtpEncryption.AES_F8, 16, 4): "F8_128_HMAC_SHA1_32",  # nobody registered it, MIKEY can ask for it all the same
    (SrtpEncryption.SEED_CTR, 16, 10): "SEED_CTR_128_HMAC_SHA1_80",
    (SrtpEncryption.SEED_CCM, 16, 10): "SEED_128_CCM_80",
    (SrtpEncryption.SEED_GCM, 16, 12): "SEED_128_GCM_96",
    (SrtpEncryption.AES_GCM, 16, 16): "AEAD_AES_128_GCM",
    (SrtpEncryption.AES_GCM, 32, 16): "AEAD_AES_256_GCM",
    (SrtpEncryption.AES_GCM, 16, 8): "AEAD_AES_128_GCM_8",  # nor these: RFC 7714 §13.2 forbids short tags
    (SrtpEncryption.AES_GCM, 32, 8): "AEAD_AES_256_GCM_8",
    (SrtpEncryption.ARIA_CTR, 16, 10): "SRTP_ARIA_128_CTR_HMAC_SHA1_80",
    (SrtpEncryption.ARIA_CTR, 16, 4): "SRTP_ARIA_128_CTR_HMAC_SHA1_32",
    (SrtpEncryption.ARIA_CTR, 32, 10): "SRTP_ARIA_256_CTR_HMAC_SHA1_80",
    (SrtpEncryption.ARIA_CTR, 32, 4): "SRTP_ARIA_256_CTR_HMAC_SHA1_32",
    (SrtpEncryption.ARIA_GCM, 16, 16): "SRTP_AEAD_ARIA_128_GCM",
    (SrtpEncryption.ARIA_GCM, 32, 16): "SRTP_AEAD_ARIA_256_GCM",
    (SrtpEncryption.NULL, 16, 10): "NULL_HMAC_SHA1_80",
    (SrtpEncryption.NULL, 16, 4): "NULL_HMAC_SHA1_32",
}


@dataclass(frozen=True, slots=True)
class SrtpPolicy:
    """One SP as SRTP understands it; lengths in octets, `encryption`, `authentication` and `prf` as registered numbers.

    `suite` is the SDES or IANA name of the algorithms, None where no name fits; the `*_encrypted` and
    `srtp_authenticated` switches stand beside it as SDES session parameters do. `key_derivation_rate` is the number
    as sent: whether a rate or an exponent is meant RFC 3830 does not say.
    """

    policy_number: int
    encryption: int
    key_octets: int
    authentication: int
    auth_key_octets: int
    tag_octets: int
    srtcp_tag_octets: int
    salt_octets: int
    prf: int
    key_derivation_rate: int
    srtp_encrypted: bool
    srtcp_encrypted: bool
    srtp_authenticated: bool
    fec_order: int
    prefix_octets: int
    roc_transmission_rate: int
    suite: str | None
    defects: tuple[Defect, ...] = ()


class _Values:
    """Numbers by parameter type, the last of a kind standing; collects the defects of reading them."""

    def __init__(self, policy: SecurityPolicy) -> None:
        self.defects: list[Defect] = []
        self.offset = policy.offset
        self.numbers: dict[int, int] = {}
        for kind, value in policy.parameters:
            self._add(kind, value)

    def _add(self, kind: int, value: bytes) -> None:
        name = name_of(SrtpParameter, kind)
        if kind not in SRTP_PARAMETERS:
            self.note("policy-parameter-unknown", name)
        if kind in self.numbers:
            self.note("policy-parameter-repeated", name)
        if 0 < len(value) <= MAX_VALUE_OCTETS:
            self.numbers[kind] = int.from_bytes(value, "big")
        else:
            self.note("policy-parameter-length", f"{name}: {len(value)} octets")

    def note(self, code: str, detail: str) -> None:
        """Keep one oddity."""
        self.defects.append(Defect(code, self.offset, CLAUSE, detail))

    def get(self, kind: int, default: int) -> int:
        """The number of that parameter, or its default."""
        return self.numbers.get(kind, default)


def srtp_policy(policy: SecurityPolicy) -> SrtpPolicy:
    """The SRTP policy that an SP payload sets; raises `Malformed` where the SP is not for SRTP (RFC 3830 §6.10.1)."""
    if policy.protocol_type != ProtocolType.SRTP:
        message = f"security policy for {name_of(ProtocolType, policy.protocol_type)}, not SRTP"
        raise Malformed(message, offset=policy.offset, clause="RFC 3830 §6.10")
    values = _Values(policy)
    encryption = values.get(SrtpParameter.ENCRYPTION_ALGORITHM, SrtpEncryption.AES_CM)
    key_octets = values.get(SrtpParameter.SESSION_ENCR_KEY_LENGTH, 16)
    general = values.get(SrtpParameter.AUTHENTICATION_ALGORITHM, SrtpAuthentication.HMAC_SHA_1)
    authentication = values.get(SrtpParameter.SRTP_AUTH_ALGORITHM, general)
    auth_key_octets, tag_octets, srtcp_tag_octets = _lengths(values, encryption)
    return SrtpPolicy(
        policy_number=policy.policy_number,
        encryption=encryption,
        key_octets=key_octets,
        authentication=authentication,
        auth_key_octets=auth_key_octets,
        tag_octets=tag_octets,
        srtcp_tag_octets=srtcp_tag_octets,
        salt_octets=values.get(SrtpParameter.SESSION_SALT_KEY_LENGTH, 12 if encryption in AEAD else 14),
        prf=values.get(SrtpParameter.SRTP_PRF, 0),
        key_derivation_rate=values.get(SrtpParameter.KEY_DERIVATION_RATE, 0),
        srtp_encrypted=bool(values.get(SrtpParameter.SRTP_ENCRYPTION, 1)),
        srtcp_encrypted=bool(values.get(SrtpParameter.SRTCP_ENCRYPTION, 1)),
        srtp_authenticated=_authenticated(values, encryption, authentication),
        fec_order=values.get(SrtpParameter.FEC_ORDER, 0),
        prefix_octets=values.get(SrtpParameter.SRTP_PREFIX_LENGTH, 0),
        roc_transmission_rate=values.get(SrtpParameter.ROC_TRANSMISSION_RATE, 1),
        suite=_suite(encryption, key_octets, authentication, tag_octets),
        defects=tuple(values.defects),
    )


def _authenticated(values: _Values, encryption: int, authentication: int) -> bool:
    if encryption in AEAD:
        return True
    switched_on = bool(values.get(SrtpParameter.SRTP_AUTHENTICATION, 1))
    return switched_on and authentication != SrtpAuthentication.NULL


def _lengths(values: _Values, encryption: int) -> tuple[int, int, int]:
    """Octets of authentication key, SRTP tag and SRTCP tag; types 16 to 19 win over 3 and 11 (RFC 4771 §4)."""
    general_key = values.get(SrtpParameter.SESSION_AUTH_KEY_LENGTH, AUTH_KEY_OCTETS)
    auth_key_octets = values.get(SrtpParameter.SRTP_AUTH_KEY_LENGTH, general_key)
    if encryption in AEAD:
        default_tag = AEAD_TAG_OCTETS.get(encryption, AEAD_DEFAULT_TAG_OCTETS)
        tag = values.get(SrtpParameter.AEAD_TAG_LENGTH, default_tag)
        return auth_key_octets, tag, tag
    default_tag = 10
    tag_given = SrtpParameter.AUTH_TAG_LENGTH in values.numbers or SrtpParameter.SRTP_AUTH_TAG_LENGTH in values.numbers
    if auth_key_octets in TAG_OCTETS and not tag_given:
        values.note(
            "auth-key-length-holds-tag-length", f"Session Auth. key length {auth_key_octets} read as tag length"
        )
        default_tag, auth_key_octets = auth_key_octets, AUTH_KEY_OCTETS
    general_tag = values.get(SrtpParameter.AUTH_TAG_LENGTH, default_tag)
    srtp_tag = values.get(SrtpParameter.SRTP_AUTH_TAG_LENGTH, general_tag)
    return auth_key_octets, srtp_tag, values.get(SrtpParameter.SRTCP_AUTH_TAG_LENGTH, general_tag)


def _suite(encryption: int, key_octets: int, authentication: int, tag_octets: int) -> str | None:
    # An AEAD cipher authenticates by itself, so HMAC-SHA-1 stands there by default only; RCC makes another packet.
    if authentication != SrtpAuthentication.HMAC_SHA_1 and not (
        encryption in AEAD and authentication == SrtpAuthentication.NULL
    ):
        return None
    if encryption == SrtpEncryption.NULL:
        key_octets = 16
    return SUITES.get((encryption, key_octets, tag_octets))


def build_policy_for_suite(suite: str, policy_number: int) -> SecurityPolicy:
    """An SP for the named suite, SRTCP with its full tag (RFC 3711 §5.2); raises `Malformed` for other names."""
    for (encryption, key_octets, tag_octets), name in SUITES.items():
        if name == suite:
            return SecurityPolicy(
                policy_number, int(ProtocolType.SRTP), _parameters(encryption, key_octets, tag_octets)
            )
    message = f"no MIKEY security policy for suite {suite}"
    raise Malformed(message, clause=CLAUSE)


def _parameters(encryption: int, key_octets: int, tag_octets: int) -> tuple[PolicyParameter, ...]:
    cipher = {SrtpParameter.ENCRYPTION_ALGORITHM: encryption, SrtpParameter.SESSION_ENCR_KEY_LENGTH: key_octets}
    if encryption in AEAD:
        numbers = cipher | {
            SrtpParameter.AUTHENTICATION_ALGORITHM: SrtpAuthentication.NULL,
            SrtpParameter.SESSION_SALT_KEY_LENGTH: 12,
            SrtpParameter.AEAD_TAG_LENGTH: tag_octets,
        }
    else:
        numbers = cipher | {
            SrtpParameter.AUTHENTICATION_ALGORITHM: SrtpAuthentication.HMAC_SHA_1,
            SrtpParameter.SESSION_AUTH_KEY_LENGTH: AUTH_KEY_OCTETS,
            SrtpParameter.SESSION_SALT_KEY_LENGTH: 14,
        }
        if tag_octets == 10:
            numbers[SrtpParameter.AUTH_TAG_LENGTH] = 10
        else:
            numbers[SrtpParameter.SRTP_AUTH_TAG_LENGTH] = tag_octets
            numbers[SrtpParameter.SRTCP_AUTH_TAG_LENGTH] = 10
    return tuple(PolicyParameter(int(kind), bytes((number,))) for kind, number in numbers.items())
