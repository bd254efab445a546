# SPDX-License-Identifier: GPL-2.0-only
"""What ZRTP's algorithms amount to in SRTP (RFC 6189 §5.1.2 to §5.1.4)."""

# Cipher and authentication tag, and the suite that both make; Twofish and Skein make none that SDES or DTLS names.
ZRTP_SUITES = {
    ("AES1", "HS80"): "AES_CM_128_HMAC_SHA1_80",
    ("AES1", "HS32"): "AES_CM_128_HMAC_SHA1_32",
    ("AES2", "HS80"): "AES_192_CM_HMAC_SHA1_80",
    ("AES2", "HS32"): "AES_192_CM_HMAC_SHA1_32",
    ("AES3", "HS80"): "AES_256_CM_HMAC_SHA1_80",
    ("AES3", "HS32"): "AES_256_CM_HMAC_SHA1_32",
}
