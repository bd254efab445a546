# SPDX-License-Identifier: GPL-2.0-only
"""A call between two real phones: baresip to baresip over UDP, SDES mandatory, answered, four seconds of tone, hung up.

Recorded once with `python -m pcaps.baresip_sdes_call`, as root, on a machine with Debian's `baresip`, `iproute2` and
`tcpdump`; another run makes another call with other keys and other times. The two phones live in network namespaces
of their own, joined by a veth pair with addresses of RFC 5737. What is expected of the recording stands in the sidecar.
"""

import contextlib
import math
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
PHONES = {"alice": "192.0.2.1", "bob": "192.0.2.2"}
MODULES = "/usr/lib/baresip/modules"
CONFIG = """\
sip_listen {address}:5060
audio_player aufile,{folder}/heard.wav
audio_source aufile,{folder}/tone.wav
audio_alert aufile,/dev/null
rtp_ports 16384-16484
module_path {modules}
module g711.so
module aufile.so
module srtp.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
module_tmp uuid.so
ctrl_tcp_listen 127.0.0.1:4444
"""
ACCOUNT = "<sip:{name}@{address}>;regint=0;mediaenc=srtp-mand;audio_codecs=PCMU,PCMA;answermode={mode}\n"


def run(*command: str) -> None:
    """Run one command to its end; raises CalledProcessError."""
    subprocess.run(command, check=True, capture_output=True)


@contextlib.contextmanager
def network() -> Iterator[None]:
    """Two network namespaces, one veth pair."""
    for name in PHONES:
        run("ip", "netns", "add", name)
    try:
        run("ip", "link", "add", "a0", "netns", "alice", "type", "veth", "peer", "name", "b0", "netns", "bob")
        for (name, address), device in zip(PHONES.items(), ("a0", "b0"), strict=True):
            run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", device)
            run("ip", "-n", name, "link", "set", device, "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
        yield
    finally:
        for name in PHONES:
            subprocess.run(("ip", "netns", "del", name), check=False, capture_output=True)


def write_tone(path: Path, hertz: int, seconds: int = 8) -> None:
    """What a phone says into its microphone: a sine of half volume, 16-bit mono at 8 kHz."""
    samples = (round(16000 * math.sin(2 * math.pi * hertz * step / 8000)) for step in range(8000 * seconds))
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(8000)
        wav.writeframes(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))


def phone(name: str, folder: Path, *execute: str) -> subprocess.Popen[bytes]:
    """Start one phone in its namespace; each of `execute` is a command typed at its prompt."""
    folder.mkdir()
    address = PHONES[name]
    write_tone(folder / "tone.wav", hertz=440 if name == "alice" else 620)
    (folder / "config").write_text(CONFIG.format(address=address, folder=folder, modules=MODULES))
    mode = "auto" if name == "bob" else "manual"
    (folder / "accounts").write_text(ACCOUNT.format(name=name, address=address, mode=mode))
    (folder / "contacts").write_text("")
    options = [option for command in execute for option in ("-e", command)]
    log = (folder / "log").open("wb")
    return subprocess.Popen(
        ("ip", "netns", "exec", name, "baresip", "-f", str(folder), "-t", "12", *options),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )


def record(target: Path) -> None:
    """Make the call and keep what crossed Alice's end of the wire in `target`."""
    with tempfile.TemporaryDirectory() as scratch, network():
        raw = Path(scratch) / "call.pcap"
        tcpdump = ("tcpdump", "-U", "--immediate-mode", "-i", "a0", "-w", str(raw), "udp")
        tap = subprocess.Popen(("ip", "netns", "exec", "alice", *tcpdump))
        time.sleep(1)
        bob = phone("bob", Path(scratch) / "bob")
        time.sleep(1)
        alice = phone("alice", Path(scratch) / "alice", f"/dial sip:bob@{PHONES['bob']}")
        time.sleep(4)
        for process in (alice, bob):
            process.terminate()
            process.wait(timeout=10)
        time.sleep(0.5)
        tap.terminate()
        tap.wait(timeout=10)
        run("editcap", "-F", "pcapng", str(raw), str(target))


if __name__ == "__main__":
    record(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "baresip_sdes_call.pcapng")
