# SPDX-License-Identifier: GPL-2.0-only
"""Files that a key ring points to: private keys, certificates (PEM or DER), and NSS key logs."""

from codecs import BOM_UTF8
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.errors import KeyMaterialError
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_log import KeyLogSecret, parse_key_log_line

if TYPE_CHECKING:  # certificates take a while to import and few audits have any
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

MAX_PEM_OCTETS = 1 << 20
MAX_KEY_LOG_OCTETS = 1 << 26
PEM_MARK = b"-----BEGIN"


def read_file(path: Path, max_octets: int) -> bytes:
    """The file's octets without a byte order mark; raises `KeyMaterialError` where it can't be read or is too long."""
    try:
        with path.open("rb") as file:
            octets = file.read(max_octets + 1)
    except OSError as error:
        message = f"{path}: can't be read: {error.strerror or error}"
        raise KeyMaterialError(message) from error
    if len(octets) > max_octets:
        message = f"{path}: longer than {max_octets} octets"
        raise KeyMaterialError(message)
    return octets.removeprefix(BOM_UTF8)


def read_head(path: Path, octets: int) -> bytes:
    """The first octets of a file behind a byte order mark, none where it can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(octets).removeprefix(BOM_UTF8)
    except OSError:
        return b""


def read_private_key(path: Path) -> "PrivateKeyTypes":
    """The unencrypted private key in a PEM or DER file; raises `KeyMaterialError`."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        load_der_private_key,
        load_pem_private_key,
    )

    octets = read_file(path, MAX_PEM_OCTETS)
    load = load_pem_private_key if PEM_MARK in octets else load_der_private_key
    try:
        return load(octets, password=None)
    except TypeError as error:
        message = f"{path}: the private key is encrypted with a passphrase"
        raise KeyMaterialError(message) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        message = f"{path}: not a private key in PEM or DER"
        raise KeyMaterialError(message) from error


def read_certificates(path: Path) -> "tuple[x509.Certificate, ...]":
    """The certificates of a PEM file, in order, or the one of a DER file; raises `KeyMaterialError`."""
    from cryptography import x509  # noqa: PLC0415

    octets = read_file(path, MAX_PEM_OCTETS)
    try:
        if PEM_MARK in octets:
            return tuple(x509.load_pem_x509_certificates(octets))
        return (x509.load_der_x509_certificate(octets),)
    except ValueError as error:
        message = f"{path}: not an X.509 certificate in PEM or DER"
        raise KeyMaterialError(message) from error


def read_key_log(path: Path) -> tuple[KeyLogSecret, ...]:
    """The secrets of an NSS key log; comments and blank lines are skipped; raises `KeyMaterialError` with the line."""
    secrets = []
    for number, line in enumerate(read_file(path, MAX_KEY_LOG_OCTETS).split(b"\n"), start=1):
        try:
            secret = parse_key_log_line(line)
        except GrammarError as error:
            message = f"{path}:{number}: {error}"
            raise KeyMaterialError(message) from error
        if secret is not None:
            secrets.append(secret)
    return tuple(secrets)
