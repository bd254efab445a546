# SPDX-License-Identifier: GPL-2.0-only
"""IANA "MIKEY Payload Name Spaces": each wire number with the name its RFC gives it.

RFC 6309 changed how numbers are assigned and which values a field can hold; no number and no name.

Fields of parsed values hold plain integers, because a number nobody has assigned must survive; `name_of` turns one
into the text to show.
"""

from enum import IntEnum


class Registry(IntEnum):
    """A registered number with `label`, the name as the RFC prints it."""

    label: str

    def __new__(cls, value: int, label: str) -> "Registry":
        """A member of `value` that is shown as `label`."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member


def name_of(registry: type[Registry], number: int) -> str:
    """The RFC's name of `number` in `registry`, or "unknown 77" where nobody assigned it."""
    try:
        return registry(number).label  # type: ignore[call-arg]  # a look-up, not a construction
    except ValueError:
        return f"unknown {number}"


class DataType(Registry):
    """Data type of HDR (RFC 3830 §6.1, RFC 4650 §4.1, RFC 4738 §3.9, RFC 6043 §6.1, RFC 6267 §6.1, RFC 6509 §4.1)."""

    PRE_SHARED = 0, "Pre-shared"
    PSK_VER_MSG = 1, "PSK ver msg"
    PUBLIC_KEY = 2, "Public key"
    PK_VER_MSG = 3, "PK ver msg"
    DH_INIT = 4, "D-H init"
    DH_RESP = 5, "D-H resp"
    ERROR = 6, "Error"
    DHHMAC_INIT = 7, "DHHMAC init"
    DHHMAC_RESP = 8, "DHHMAC resp"
    RSA_R_I_MSG = 9, "RSA-R I_MSG"
    RSA_R_R_MSG = 10, "RSA-R R_MSG"
    REQUEST_INIT_PSK = 11, "REQUEST_INIT_PSK"
    REQUEST_INIT_PK = 12, "REQUEST_INIT_PK"
    REQUEST_RESP = 13, "REQUEST_RESP"
    TRANSFER_INIT = 14, "TRANSFER_INIT"
    TRANSFER_RESP = 15, "TRANSFER_RESP"
    RESOLVE_INIT_PSK = 16, "RESOLVE_INIT_PSK"
    RESOLVE_INIT_PK = 17, "RESOLVE_INIT_PK"
    RESOLVE_RESP = 18, "RESOLVE_RESP"
    REQUEST_KEY_PSK = 19, "REQUEST_KEY_PSK"
    REQUEST_KEY_PKE = 20, "REQUEST_KEY_PKE"
    REQUEST_KEY_RESP = 21, "REQUEST_KEY_RESP"
    I_MESSAGE_1 = 22, "I_MESSAGE_1"
    R_MESSAGE_1 = 23, "R_MESSAGE_1"
    I_MESSAGE_2 = 24, "I_MESSAGE_2"
    R_MESSAGE_2 = 25, "R_MESSAGE_2"
    SAKKE_MSG = 26, "SAKKE msg"


class PayloadType(Registry):
    """Next payload (RFC 3830 §6.1, RFC 6043 §6.1, RFC 6267 §6.1, RFC 6509 §4.2)."""

    LAST = 0, "Last payload"
    KEMAC = 1, "KEMAC"
    PKE = 2, "PKE"
    DH = 3, "DH"
    SIGN = 4, "SIGN"
    T = 5, "T"
    ID = 6, "ID"
    CERT = 7, "CERT"
    CHASH = 8, "CHASH"
    V = 9, "V"
    SP = 10, "SP"
    RAND = 11, "RAND"
    ERR = 12, "ERR"
    TR = 13, "TR"
    IDR = 14, "IDR"
    RANDR = 15, "RANDR"
    TP = 16, "TP"
    TICKET = 17, "TICKET"
    KEY_DATA = 20, "Key data"
    GENERAL_EXT = 21, "General Ext."
    IBAKE = 22, "IBAKE"
    ESK = 23, "ESK"
    SK = 24, "SK"
    ECCPT = 25, "ECCPT"
    SAKKE = 26, "SAKKE"


class PrfFunction(Registry):
    """PRF func (RFC 3830 §6.1, RFC 6043 §6.1)."""

    MIKEY_1 = 0, "MIKEY-1"
    PRF_HMAC_SHA_256 = 1, "PRF-HMAC-SHA-256"


class CsIdMapType(Registry):
    """CS ID map type (RFC 3830 §6.1, RFC 4563 §5, RFC 6043 §6.1.1)."""

    SRTP_ID = 0, "SRTP-ID"
    EMPTY = 1, "Empty map"
    GENERIC_ID = 2, "GENERIC-ID"


class EncryptionAlgorithm(Registry):
    """Encr alg of KEMAC (RFC 3830 §6.2, RFC 6043 §6.2)."""

    NULL = 0, "NULL"
    AES_CM_128 = 1, "AES-CM-128"
    AES_KW_128 = 2, "AES-KW-128"
    AES_CM_256 = 3, "AES-CM-256"


class MacAlgorithm(Registry):
    """MAC alg of KEMAC and Auth alg of V (RFC 3830 §6.2, RFC 6043 §6.2)."""

    NULL = 0, "NULL"
    HMAC_SHA_1_160 = 1, "HMAC-SHA-1-160"
    HMAC_SHA_256_256 = 2, "HMAC-SHA-256-256"


class CacheType(Registry):
    """C of PKE (RFC 3830 §6.3)."""

    NO_CACHE = 0, "No cache"
    CACHE = 1, "Cache"
    CACHE_FOR_CSB = 2, "Cache for CSB"


class DhGroup(Registry):
    """DH-Group (RFC 3830 §6.4)."""

    OAKLEY_5 = 0, "OAKLEY 5"
    OAKLEY_1 = 1, "OAKLEY 1"
    OAKLEY_2 = 2, "OAKLEY 2"


class SignatureType(Registry):
    """S type (RFC 3830 §6.5, RFC 6509 §4.3)."""

    RSA_PKCS1 = 0, "RSA/PKCS#1/1.5"
    RSA_PSS = 1, "RSA/PSS"
    ECCSI = 2, "ECCSI"


class TimestampType(Registry):
    """TS type (RFC 3830 §6.6, RFC 6043 §6.3)."""

    NTP_UTC = 0, "NTP-UTC"
    NTP = 1, "NTP"
    COUNTER = 2, "COUNTER"
    NTP_UTC_32 = 3, "NTP-UTC-32"


class IdType(Registry):
    """ID Type (RFC 3830 §6.7, RFC 6043 §6.5)."""

    NAI = 0, "NAI"
    URI = 1, "URI"
    BYTE_STRING = 2, "Byte string"


class CertType(Registry):
    """Cert Type (RFC 3830 §6.7)."""

    X509V3 = 0, "X.509v3"
    X509V3_URL = 1, "X.509v3 URL"
    X509V3_SIGN = 2, "X.509v3 Sign"
    X509V3_ENCR = 3, "X.509v3 Encr"


class HashFunction(Registry):
    """Hash func of CHASH (RFC 3830 §6.8, RFC 6043 §6.7)."""

    SHA_1 = 0, "SHA-1"
    MD5 = 1, "MD5"
    SHA_256 = 2, "SHA-256"


class ProtocolType(Registry):
    """Prot type of SP (RFC 3830 §6.10, RFC 4442 §4.1)."""

    SRTP = 0, "SRTP"
    TESLA = 1, "TESLA"


class SrtpParameter(Registry):
    """SRTP policy parameter types (RFC 3830 §6.10.1, RFC 4771 §4, RFC 7714 §14.3)."""

    ENCRYPTION_ALGORITHM = 0, "Encryption algorithm"
    SESSION_ENCR_KEY_LENGTH = 1, "Session Encr. key length"
    AUTHENTICATION_ALGORITHM = 2, "Authentication algorithm"
    SESSION_AUTH_KEY_LENGTH = 3, "Session Auth. key length"
    SESSION_SALT_KEY_LENGTH = 4, "Session Salt key length"
    SRTP_PRF = 5, "SRTP Pseudo Random Function"
    KEY_DERIVATION_RATE = 6, "Key derivation rate"
    SRTP_ENCRYPTION = 7, "SRTP encryption off/on"
    SRTCP_ENCRYPTION = 8, "SRTCP encryption off/on"
    FEC_ORDER = 9, "sender's FEC order"
    SRTP_AUTHENTICATION = 10, "SRTP authentication off/on"
    AUTH_TAG_LENGTH = 11, "Authentication tag length"
    SRTP_PREFIX_LENGTH = 12, "SRTP prefix length"
    ROC_TRANSMISSION_RATE = 13, "ROC transmission rate"
    SRTP_AUTH_ALGORITHM = 14, "SRTP Auth. algorithm"
    SRTCP_AUTH_ALGORITHM = 15, "SRTCP Auth. algorithm"
    SRTP_AUTH_KEY_LENGTH = 16, "SRTP Session Auth. key len"
    SRTCP_AUTH_KEY_LENGTH = 17, "SRTCP Session Auth. key len"
    SRTP_AUTH_TAG_LENGTH = 18, "SRTP Authentication tag len"
    SRTCP_AUTH_TAG_LENGTH = 19, "SRTCP Authentication tag len"
    AEAD_TAG_LENGTH = 20, "AEAD authentication tag length"


class SrtpEncryption(Registry):
    """SRTP encr alg (RFC 3830 §6.10.1, RFC 5748 §2.1, RFC 7714 §14.3, RFC 8269 §6.2)."""

    NULL = 0, "NULL"
    AES_CM = 1, "AES-CM"
    AES_F8 = 2, "AES-F8"
    SEED_CTR = 3, "SEED-CTR"
    SEED_CCM = 4, "SEED-CCM"
    SEED_GCM = 5, "SEED-GCM"
    AES_GCM = 6, "AES-GCM"
    ARIA_CTR = 7, "ARIA-CTR"
    ARIA_GCM = 8, "ARIA-GCM"


class SrtpAuthentication(Registry):
    """SRTP auth alg (RFC 3830 §6.10.1, RFC 4771 §4)."""

    NULL = 0, "NULL"
    HMAC_SHA_1 = 1, "HMAC-SHA-1"
    RCCM1 = 2, "RCCm1"
    RCCM2 = 3, "RCCm2"
    RCCM3 = 4, "RCCm3"


class SrtpPrf(Registry):
    """SRTP PRF (RFC 3830 §6.10.1, RFC 5748 §2.2, RFC 8269 §6.2)."""

    AES_CM = 0, "AES-CM"
    SEED_CTR = 1, "SEED-CTR"
    ARIA_CTR = 2, "ARIA-CTR"


class ErrorNumber(Registry):
    """Error no (RFC 3830 §6.12, RFC 4738 §3.9.2, RFC 6043 §6.9)."""

    AUTH_FAILURE = 0, "Auth failure"
    INVALID_TS = 1, "Invalid TS"
    INVALID_PRF = 2, "Invalid PRF"
    INVALID_MAC = 3, "Invalid MAC"
    INVALID_EA = 4, "Invalid EA"
    INVALID_HA = 5, "Invalid HA"
    INVALID_DH = 6, "Invalid DH"
    INVALID_ID = 7, "Invalid ID"
    INVALID_CERT = 8, "Invalid Cert"
    INVALID_SP = 9, "Invalid SP"
    INVALID_SPPAR = 10, "Invalid SPpar"
    INVALID_DT = 11, "Invalid DT"
    UNSPECIFIED = 12, "Unspecified error"
    UNSUPPORTED_MESSAGE_TYPE = 13, "Unsupported message type"
    INVALID_TICKET = 14, "Invalid TICKET"
    INVALID_TPPAR = 15, "Invalid TPpar"


class KeyDataType(Registry):
    """Type of Key data (RFC 3830 §6.13, RFC 6043 §6.2.1, RFC 6267 §6.1.3)."""

    TGK = 0, "TGK"
    TGK_SALT = 1, "TGK+SALT"
    TEK = 2, "TEK"
    TEK_SALT = 3, "TEK+SALT"
    GTGK = 4, "GTGK"
    GTGK_SALT = 5, "GTGK+SALT"
    MPK = 6, "MPK"
    K_PR = 7, "K_PR"


class KeyValidity(Registry):
    """KV (RFC 3830 §6.13)."""

    NULL = 0, "Null"
    SPI = 1, "SPI"
    INTERVAL = 2, "Interval"


class GeneralExtensionType(Registry):
    """Type of General Ext. (RFC 3830 §6.15, RFC 4442 §4.4, RFC 4563 §4, RFC 4738 §3.9.3, RFC 5410 §3)."""

    VENDOR_ID = 0, "Vendor ID"
    SDP_IDS = 1, "SDP IDs"
    TESLA_I_KEY = 2, "TESLA I-Key"
    KEY_ID = 3, "Key ID"
    CSB_ID = 4, "CSB_ID"
    OMA_BCAST = 5, "OMA BCAST"
    SAKKE_TO_SELF = 6, "SAKKE-to-self"
    THREE_GPP_KEY_PARAMETERS = 7, "3GPP key parameters"
    PRIORITY_LIST = 241, "Priority list (private use)"


class KeyIdType(Registry):
    """Type of a Key ID (RFC 4563 §4)."""

    MBMS_KEY_DOMAIN = 0, "MBMS Key Domain ID"
    MBMS_SERVICE_KEY = 1, "MBMS Service Key ID"
    MBMS_TRAFFIC_KEY = 2, "MBMS Traffic Key ID"


class OmaBcastSubtype(Registry):
    """Subtype of OMA BCAST data (RFC 5410 §3)."""

    LTKM = 1, "LTKM"
    STKM = 2, "STKM"
    LTKM_REPORTING = 3, "LTKM Reporting"
    PARENTAL_CONTROL = 4, "Parental Control"


class TeslaParameter(Registry):
    """TESLA policy parameter types (RFC 4442 §4.2)."""

    PRF = 1, "PRF identifier for f and f'"
    PRF_OUTPUT_LENGTH = 2, "Length of PRF f' output"
    MAC = 3, "Identifier for the TESLA MAC"
    MAC_OUTPUT_LENGTH = 4, "Length of TESLA MAC output"
    START_OF_SESSION = 5, "Start of session"
    INTERVAL_DURATION = 6, "Interval duration"
    KEY_DISCLOSURE_DELAY = 7, "Key disclosure delay"
    KEY_CHAIN_LENGTH = 8, "Key chain length"
    RECEIVER_TIMESTAMP = 9, "Local timestamp media receiver"


class TeslaAlgorithm(Registry):
    """TESLA-PRF and TESLA-MAC, which have the same one value (RFC 4442 §4.2, §6)."""

    HMAC_SHA1 = 0, "HMAC-SHA1"


class TicketType(Registry):
    """Ticket type of TP and TICKET (RFC 6043 §6.10)."""

    MIKEY_BASE_TICKET = 1, "MIKEY Base Ticket"
    THREE_GPP_BASE_TICKET = 2, "3GPP Base Ticket"


class EccCurve(Registry):
    """ECC curve of ECCPT (RFC 6267 §6.1.4)."""

    P_192 = 1, "P-192"
    SECT163R2 = 2, "B-163"
    SECT163K1 = 3, "K-163"
    SECT163R1 = 4, "sect163r1"
    P_224 = 5, "P-224"
    SECT233R1 = 6, "B-233"
    SECT233K1 = 7, "K-233"
    P_256 = 8, "P-256"
    SECT283R1 = 9, "B-283"
    SECT283K1 = 10, "K-283"
    P_384 = 11, "P-384"
    SECT409R1 = 12, "B-409"
    SECT409K1 = 13, "K-409"
    P_521 = 14, "P-521"
    SECT571R1 = 15, "B-571"
    SECT571K1 = 16, "K-571"


class SecretKeyType(Registry):
    """Type of SK (RFC 6267 §6.1.5)."""

    SK = 1, "SK"


class IdRole(Registry):
    """Role of IDR (RFC 6043 §6.6, RFC 6509 §4.4; 8 and 9 as 3GPP uses them)."""

    INITIATOR = 1, "Initiator (IDRi)"
    RESPONDER = 2, "Responder (IDRr)"
    KMS = 3, "KMS (IDRkms)"
    PRE_SHARED_KEY = 4, "Pre-Shared Key (IDRpsk)"
    APPLICATION = 5, "Application (IDRapp)"
    INITIATORS_KMS = 6, "Initiator's KMS (IDRkmsi)"
    RESPONDERS_KMS = 7, "Responder's KMS (IDRkmsr)"
    INITIATOR_UID = 8, "Initiator UID (IDRuidi)"
    RESPONDER_UID = 9, "Responder UID (IDRuidr)"


class TimestampRole(Registry):
    """Role of TR (RFC 6043 §6.4)."""

    TIME_OF_ISSUE = 1, "Time of issue (TRi)"
    START_OF_VALIDITY = 2, "Start of validity period (TRs)"
    END_OF_VALIDITY = 3, "End of validity period (TRe)"
    REKEYING_INTERVAL = 4, "Rekeying interval (TRr)"


class RandRole(Registry):
    """Role of RANDR (RFC 6043 §6.8)."""

    INITIATOR = 1, "Initiator (RANDRi)"
    RESPONDER = 2, "Responder (RANDRr)"
    KMS = 3, "KMS (RANDRkms)"


def payload_name(payload_type: int) -> str:
    """The RFC's short name of a payload type: "KEMAC", "T", "General Ext.", or "unknown 77"."""
    return name_of(PayloadType, payload_type)
