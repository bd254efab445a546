# SPDX-License-Identifier: GPL-2.0-only
"""Scapy knows the layers' ports only between `bind()` and `unbind()`."""

import os
import subprocess
import sys
from pathlib import Path

from scapy.layers.inet import IP, TCP, UDP
from scapy.packet import Packet

import dissectors.layers as layers

REQUEST = b"OPTIONS sip:bob@example.com SIP/2.0\r\n\r\n"
UNTOUCHED = """
import scapy.all
from scapy.config import conf
from scapy.layers.inet import TCP, UDP
import copy
before = {k: repr(v) for k, v in vars(type(conf)).items() if not k.startswith("_") and k not in ("layers",)}
guesses = [list(UDP.payload_guess), list(TCP.payload_guess)]
import dissectors.layers
assert guesses == [UDP.payload_guess, TCP.payload_guess]
dissectors.layers.bind()
assert guesses != [UDP.payload_guess, TCP.payload_guess]
dissectors.layers.bind_srtp("192.0.2.1", 4000, 10)
dissectors.layers.unbind()
assert guesses == [UDP.payload_guess, TCP.payload_guess]
after = {k: repr(v) for k, v in vars(type(conf)).items() if not k.startswith("_") and k not in ("layers",)}
assert before == after
assert set(dissectors.layers.__all__) <= set(dir(dissectors.layers))
"""


def over(transport: Packet, octets: bytes) -> Packet:
    """A packet as dissected; its ports are named, as Scapy takes port 53 unless told, where DNS may be bound."""
    return IP(bytes(IP(dst="192.0.2.1") / transport / octets))


def test_importing_binds_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", UNTOUCHED], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_bound_ports() -> None:
    layers.bind()
    layers.bind()
    layers.bind_srtp("192.0.2.1", 4000, tag_octets=10, mki_octets=4)
    try:
        assert over(UDP(sport=40000, dport=5060), REQUEST)[layers.SIP].method == "OPTIONS"
        assert over(TCP(sport=5060), REQUEST)[layers.SIP].method == "OPTIONS"
        assert layers.UnreadOctets in over(UDP(sport=40000, dport=2269), b"\1\2")
        rtp = layers.RTP(media=bytes(20))
        assert over(UDP(sport=40000, dport=4000), bytes(rtp))[layers.SRTP].mki == bytes(4)
        assert over(UDP(sport=40000, dport=4000), bytes(rtp)[:20]).haslayer(layers.UnreadOctets)
    finally:
        layers.unbind()
    assert layers.SIP not in over(UDP(sport=40000, dport=5060), REQUEST)
    assert layers.SRTP not in over(UDP(sport=40000, dport=4000), REQUEST)


EXTENSION = """
from scapy.all import IP, UDP, conf, load_layer
conf.exts.load("srtp-audit-copy")
load_layer("srtp_audit", globals())
packet = IP(bytes(IP() / UDP(sport=5060, dport=5060) / b"OPTIONS sip:x SIP/2.0\\r\\n\\r\\n"))
assert packet[SIP].method == "OPTIONS", packet.summary()
assert describe_payload("rtp", b"")
"""


def test_scapy_loads_the_layers_as_an_extension(tmp_path: Path) -> None:
    metadata = tmp_path / "srtp_audit_copy-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: srtp-audit-copy\nLicense-Expression: GPL-2.0-only\n"
    )
    layers_folder = Path(layers.__file__).parent
    (metadata / "top_level.txt").write_text((layers_folder / "top_level.txt").read_text())
    done = subprocess.run(
        [sys.executable, "-c", EXTENSION],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
