# SPDX-License-Identifier: GPL-2.0-only
"""An offer of DTLS-SRTP whose fingerprint an identity signs (RFC 8224, RFC 8862); the callee is busy.

`identity_other_fingerprint`: the description was rewritten after it was signed. `identity_stale`: a token that is ten
minutes old. `identity_missing`: nobody signed. `identity_signed`: all is well.
"""

import hashlib
import json
from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from pcaps.flow_script import START_NS, fingerprint
from pcaps.samples import FAIL, NOT_APPLICABLE, PASS, Expected, Sample, expect_no_media
from pcaps.scripted import ScriptedCall

KEYS = '[[certificate]]\nfile = "keys/identity_cert.pem"\n'  # of the key below
SCALAR = int.from_bytes(hashlib.sha256(b"srtp-audit identity service").digest(), "big")
NOW_S = START_NS // 1_000_000_000
OLD_S = 600


def _part(value: object) -> str:
    octets = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def sign(digest: str, issued_s: int) -> str:
    """The Identity header for one SHA-256 fingerprint."""
    header = {"alg": "ES256", "ppt": "msec", "typ": "passport", "x5u": "https://cert.example.com/identity.pem"}
    claims = {
        "dest": {"uri": ["sip:bob@example.com"]},
        "iat": issued_s,
        "mky": [{"alg": "sha-256", "dig": digest.replace(":", "")}],
        "orig": {"uri": "sip:alice@example.com"},
    }
    signed = f"{_part(header)}.{_part(claims)}"
    key = ec.derive_private_key(SCALAR, ec.SECP256R1())
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256(), deterministic_signing=True)))
    signature = _part(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return f"Identity: {signed}.{signature};info=<https://cert.example.com/identity.pem>;alg=ES256;ppt=msec"


def busy(*headers: str) -> ScriptedCall:
    """An offer with the fingerprint of Alice's certificate, refused."""
    more = "".join(f" | {header}" for header in headers)
    return ScriptedCall("identity", f"A>B INVITE A.dtls{more}\nB>A 486\nA>B ACK refused")


def expected(exit_code: int = 0, **outcomes: str) -> Expected:
    """A call that was refused, and what the rules say of its offer."""
    said = {"IDN_001": PASS, "IDN_002": PASS, "IDN_003": PASS, "DTL_006": PASS, "PRI_009": PASS}
    return expect_no_media("rejected", exit_code, rule="single", **said | outcomes)


SAMPLES = (
    Sample(
        "identity_other_fingerprint",
        "An identity that vouches for another fingerprint than the offer has",
        busy(sign(fingerprint("E", "1"), NOW_S)),
        expected(5, IDN_001=FAIL),
        "identity",
        flaw="the fingerprint was replaced after the offer was signed",
        clause="RFC 8224 §4.1",
        twin="identity_signed",
        keys=KEYS,
    ),
    Sample(
        "identity_stale",
        "An identity that was issued ten minutes before its message was sent",
        busy(sign(fingerprint("A", "1"), NOW_S - OLD_S)),
        expected(5, IDN_002=FAIL),
        "identity",
        flaw="the token is old",
        clause="RFC 8224 §6.2",
        twin="identity_signed",
        keys=KEYS,
    ),
    Sample(
        "identity_missing",
        "A fingerprint that nobody vouches for, in readable signalling",
        busy(),
        expected(0, IDN_001=NOT_APPLICABLE, IDN_002=NOT_APPLICABLE, IDN_003=FAIL, DTL_006=FAIL),
        "identity",
        flaw="the offer is not signed, which the policy `e2e-bcp` demands",
        clause="RFC 8862 §4",
        twin="identity_signed",
        keys=KEYS,
    ),
    Sample(
        "identity_signed",
        "An identity that vouches for the fingerprint of an offer",
        busy(sign(fingerprint("A", "1"), NOW_S)),
        expected(),
        "identity",
        keys=KEYS,
    ),
)
