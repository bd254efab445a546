# SPDX-License-Identifier: GPL-2.0-only
"""Which SRTP suite a MIKEY security policy amounts to, and keys cut to what that suite takes (RFC 3830 §6.10.1)."""

from typing import NamedTuple

from analyzer.srtp.suites import Suite, suite_by_name
from dissectors.grammar.mikey.policy import SUITES, SrtpPolicy

DEFAULT_SUITE = "AES_CM_128_HMAC_SHA1_80"
# What a TEK of other lengths is for, where no policy says: octets of key and salt.
SUITES_BY_LENGTHS = {
    (24, 14): "AES_192_CM_HMAC_SHA1_80",
    (32, 14): "AES_256_CM_HMAC_SHA1_80",
    (16, 12): "AEAD_AES_128_GCM",
    (32, 12): "AEAD_AES_256_GCM",
}


class Lengths(NamedTuple):
    """Octets of SRTP's master key and salt."""

    key: int
    salt: int

    def __str__(self) -> str:
        salt = f" and {self.salt} of salt" if self.salt else ""
        return f"{self.key} octets of key{salt}"


DEFAULT_LENGTHS = Lengths(16, 14)


def stated_lengths(policy: SrtpPolicy | None) -> Lengths:
    """What the policy says; the encryption key length is also the master key's (RFC 3830 §6.10.1)."""
    return DEFAULT_LENGTHS if policy is None else Lengths(policy.key_octets, policy.salt_octets)


def lengths_in_force(policy: SrtpPolicy | None) -> Lengths:
    """What the policy's suite takes, whatever salt the policy asks for; as stated where no suite is known."""
    suite = suite_of(policy)
    return stated_lengths(policy) if suite is None else Lengths(suite.key_octets, suite.salt_octets)


def suite_of(policy: SrtpPolicy | None, lengths: tuple[int, int] = DEFAULT_LENGTHS) -> Suite | None:
    """The suite of a policy, or the nearest of its cipher where no name says the tag; RCC makes other tags, too.

    Without a policy it is SRTP's default, or what the `lengths` of a TEK with its salt are for.
    """
    if policy is None:
        return suite_by_name(SUITES_BY_LENGTHS.get(lengths, DEFAULT_SUITE))
    name = policy.suite or _nearest_suite(policy)
    return None if name is None else suite_by_name(name)


def _nearest_suite(policy: SrtpPolicy) -> str | None:
    tags = sorted({octets for cipher, _, octets in SUITES if cipher == policy.encryption}, reverse=True)
    names = (SUITES.get((policy.encryption, policy.key_octets, octets)) for octets in tags)
    return next((name for name in names if name is not None), None)
