# SPDX-License-Identifier: GPL-2.0-only
"""The clear/encrypted test: cipher text is never called clear, clear media never encrypted, sizes show the tag."""

import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from srtp_peers import context_of, read_datagrams

from analyzer.srtp.clear_test import CLEAR_CHI_SQUARE, Clearness, ClearTest, classify_payloads
from analyzer.srtp.columns import packet_columns
from analyzer.srtp.framing import classify_tag_length, timestamp_deltas
from analyzer.srtp.transform import protect_rtp
from dissectors.grammar.datagram import DatagramKind, classify_datagram
from dissectors.grammar.rtp import RtpHeader, build_rtp_header
from tests.srtp import clear_rates
from tests.srtp.clear_rates import MARK, ROOT, generated, recorded, wrong_windows

PEERS = {
    "SRTP": [
        "aiortc/dtls_cm80_pcmu.pcap",
        "baresip/tcp_sdes_cm80_mand.pcap",
        "baresip/tls12_rsa_sdes_cm80_mand.pcap",
        "baresip/tls13_sdes_cm80_mand.pcap",
        "baresip/udp_dtls_srtp.pcap",
        "baresip/udp_sdes_cm32_mand.pcap",
        "baresip/udp_sdes_cm80_mand.pcap",
        "baresip/udp_sdes_gcm256_mand.pcap",
        "ffmpeg/srtp_80.pcap",
        "gst_rtsp/savp_udp.pcap",
        "libsrtp/base_AEAD_AES_256_GCM.srtp.pcap",
        "libsrtp/base_AES_192_CM_HMAC_SHA1_80.srtp.pcap",
        "libsrtp/base_AES_CM_128_HMAC_SHA1_32.srtp.pcap",
        "libsrtp/encxtn_AES_CM_128_HMAC_SHA1_80.srtp.pcap",
        "libsrtp/loss_reorder_AES_CM_128_HMAC_SHA1_80.srtp.pcap",
        "libsrtp/mki4_AES_CM_128_HMAC_SHA1_80.srtp.pcap",
        "libsrtp/mux_AES_CM_128_HMAC_SHA1_80.srtp.pcap",
        "linphone/sdes_256.pcap",
        "linphone/sdes_80.pcap",
        "linphone/zrtp.pcap",
        "rtpengine/AEAD_AES_128_GCM.pcap",
        "rtpengine/AES_192_CM_HMAC_SHA1_80.pcap",
        "rtpengine/F8_128_HMAC_SHA1_80.pcap",
    ],
    "clear": [
        "aiortc/dtls_cm80_pcmu.clear.pcap",
        "baresip/udp_plain_pcmu.pcap",
        "baresip/udp_sdes_opt_vs_plain.pcap",
        "baresip/udp_sdes_cm80_mand.clear.pcap",
        "gst_rtsp/avp_udp.pcap",
        "libsrtp/base_AES_CM_128_HMAC_SHA1_80.clear.pcap.gz",
        "libsrtp/base_NULL_HMAC_SHA1_80.srtp.pcap",
        "linphone/sdes_80.clear.pcap",
        "rtpengine/F8_128_HMAC_SHA1_80.clear.pcap",
    ],
}
PUBLIC = [f"sip-rtp-{codec}.pcap" for codec in ("g711", "g722", "g726", "g729a", "gsm", "opus")]


def measure(path: Path, encoding: str | None = None) -> list[ClearTest]:
    """One test for each SSRC and payload type with twenty packets or more."""
    groups: dict[tuple[str, str, bytes, int], list[bytes]] = defaultdict(list)
    for datagram in read_datagrams(path):
        payload = datagram.payload
        if classify_datagram(payload) is DatagramKind.RTP:
            groups[datagram.source, datagram.destination, payload[8:12], payload[1] & 127].append(payload)
    found = []
    for (*_, payload_type), packets in groups.items():
        if len(packets) < 20 or payload_type == 101:
            continue
        heads = packet_columns(packets).headers
        payloads = [packet[start:] for packet, start in zip(packets, heads.header_octets.tolist(), strict=True)]
        found.append(
            classify_payloads(
                payloads,
                payload_type,
                encoding,
                sequence_numbers=heads.sequence_number,
                rtp_timestamps=heads.timestamp,
            )
        )
        # Less is known without the header fields, but nothing else may come out.
        blind = classify_payloads(payloads, payload_type, encoding).clearness
        assert blind in (found[-1].clearness, Clearness.UNKNOWN)
    assert found
    return found


@pytest.mark.captures
@pytest.mark.parametrize("name", PEERS["SRTP"])
def test_protected_streams_are_not_clear(captures: Path, name: str) -> None:
    trailer = 4 if "32" in name else 16 if "GCM" in name or "gcm" in name else 14 if "mki4" in name else 10
    for test in measure(captures / "peers" / name):
        assert test.clearness is Clearness.NOT_CLEAR
        assert test.trailer_octets == trailer


@pytest.mark.captures
@pytest.mark.parametrize("name", PEERS["clear"])
def test_clear_streams_are_proved_clear(captures: Path, name: str) -> None:
    for test in measure(captures / "peers" / name):
        assert test.clearness is Clearness.CLEAR
        assert test.trailer_octets == (10 if "NULL" in name else 0)


@pytest.mark.captures
@pytest.mark.parametrize("name", PUBLIC)
def test_clear_streams_of_compressing_codecs(captures: Path, name: str) -> None:
    encoding = "opus" if "opus" in name else None
    for test in measure(captures / "public" / "wireshark-wiki" / "SampleCaptures" / name, encoding):
        assert test.clearness is Clearness.CLEAR


@pytest.mark.captures
def test_the_marseillaise_is_protected(captures: Path) -> None:
    (test,) = measure(captures / "public" / "gteissier__srtp-decrypt" / "marseillaise-srtp.pcap")
    assert (test.clearness, test.trailer_octets) == (Clearness.NOT_CLEAR, 10)


def noise(rng: random.Random, count: int, octets: int) -> list[bytes]:
    return [rng.randbytes(octets) for _ in range(count)]


def looks_clear(streams: int, seed: int) -> int:
    rng = random.Random(seed)
    highest = 0.0
    for _ in range(streams):
        count, octets = rng.choice(((16, 170), (40, 90), (300, 30), (100, 174), (60, 400)))
        payloads = noise(rng, count, octets)
        numbers = list(range(count))
        stamps = [n * max(octets - 10, 1) for n in numbers]
        for encoding in ("PCMU", "G729", "opus", None):
            test = classify_payloads(payloads, 96, encoding, sequence_numbers=numbers, rtp_timestamps=stamps)
            if test.clearness is Clearness.CLEAR:
                return 1
            highest = max(highest, test.chi_square or 0)
    assert highest < CLEAR_CHI_SQUARE
    return 0


def test_noise_is_never_clear() -> None:
    assert looks_clear(150, 1) == 0


@pytest.mark.proof
def test_much_noise_is_never_clear() -> None:
    assert looks_clear(5_000, 2) == 0


@pytest.mark.parametrize("mki", [b"", b"\0\0\0\1", bytes(16), bytes(128)])
def test_a_constant_mki_does_not_make_cipher_text_clear(mki: bytes) -> None:
    rng = random.Random(3)
    for octets in (160, 320):
        payloads = [body + mki + rng.randbytes(10) for body in noise(rng, 200, octets)]
        assert classify_payloads(payloads, 0).clearness is Clearness.NOT_CLEAR
        gcm = [body + mki for body in noise(rng, 200, octets + 16)]
        assert classify_payloads(gcm, 0).clearness is Clearness.NOT_CLEAR


def test_packets_captured_twice_or_more_stay_cipher_text() -> None:
    rng = random.Random(4)
    payloads = noise(rng, 50, 170)
    numbers = list(range(50)) * 8
    assert classify_payloads(payloads * 8, 0).clearness is Clearness.NOT_CLEAR
    twice = classify_payloads(payloads * 8, 0, sequence_numbers=numbers, rtp_timestamps=[160 * n for n in numbers])
    assert twice.clearness is Clearness.NOT_CLEAR
    assert twice.packets == 50


@pytest.mark.parametrize("octet", [0xFF, 0x7F, 0xD5, 0x00])
def test_silence_is_clear(octet: int) -> None:
    payloads = [bytes((octet,)) * 160] * 20
    test = classify_payloads(payloads, 0, sequence_numbers=range(20), rtp_timestamps=[160 * n for n in range(20)])
    assert (test.clearness, test.trailer_octets) == (Clearness.CLEAR, 0)


def test_too_few_packets_tell_nothing() -> None:
    rng = random.Random(5)
    assert classify_payloads([], 0).clearness is Clearness.UNKNOWN
    assert classify_payloads(noise(rng, 5, 170), 0).clearness is Clearness.UNKNOWN
    assert classify_payloads([b"\xff" * 160] * 3, 0, sequence_numbers=range(3)).clearness is Clearness.UNKNOWN
    assert classify_payloads(noise(rng, 500, 30), 97, "SPEEX").clearness is Clearness.UNKNOWN
    assert classify_payloads(noise(rng, 20, 30), 18, "G729").clearness is Clearness.UNKNOWN
    assert classify_payloads(noise(rng, 500, 170), 96, None).clearness is Clearness.UNKNOWN


SIZES = [("PCMU", 160, 160), ("GSM", 160, 33), ("G729", 160, 20), ("L16", 160, 320), ("G726-32", 160, 80)]


@pytest.mark.parametrize(("encoding", "ticks", "octets"), SIZES)
@pytest.mark.parametrize("trailer", [0, 4, 10, 14, 16, 20])
def test_sizes_show_the_trailer(encoding: str, ticks: int, octets: int, trailer: int) -> None:
    numbers = np.arange(65500, 65600) & 0xFFFF
    stamps = (np.arange(100, dtype=np.int64) * ticks + 2**32 - 1000) % 2**32
    deltas = timestamp_deltas(numbers, stamps)
    assert classify_tag_length([octets + trailer] * 100, encoding, deltas) == trailer
    assert classify_tag_length([octets + trailer] * 5, encoding, deltas[:5]) is None
    assert classify_tag_length([octets + trailer + n % 3 for n in range(100)], encoding, deltas) is None
    assert classify_tag_length([octets + trailer] * 100, "opus", deltas) is None


def test_real_speech_under_our_own_protection_is_not_clear() -> None:
    context = context_of("F8_128_HMAC_SHA1_80", bytes(range(30)))
    packets = [
        protect_rtp(build_rtp_header(RtpHeader(sequence_number=n, timestamp=160 * n)) + b"\xff" * 160, context)
        for n in range(100)
    ]
    test = classify_payloads([p[12:] for p in packets], 0, sequence_numbers=range(100))
    assert test.clearness is Clearness.NOT_CLEAR


def test_generated_speech_is_judged_rightly_or_not_at_all() -> None:
    rates = clear_rates.measure({"generated": generated(seconds=8, seed=5)})
    assert wrong_windows(rates) == 0
    for codec in ("PCMU", "PCMA", "L16", "G722", "OPUS"):
        found = rates[f"{codec} (generated)", "clear", 100]
        assert found == {Clearness.CLEAR: sum(found.values())}


@pytest.mark.parametrize(
    ("codec", "encoding", "rate", "octets"), [("g722", "G722", 16000, 160), ("g726le", "G726-32", 8000, 80)]
)
@pytest.mark.parametrize("loudness", [20, 600, 9000, 30000])
def test_white_noise_in_the_clear_is_not_taken_for_cipher_text(
    codec: str, encoding: str, rate: int, octets: int, loudness: int
) -> None:
    sound = np.random.default_rng(loudness).normal(0, loudness, rate * 10).clip(-32768, 32767).astype(np.int16)
    payloads = clear_rates.encode(codec, sound, rate, octets=octets)
    for window in (10, 17, 33, 65, 200):
        for start in range(0, len(payloads) - window + 1, window):
            numbers = range(start, start + window)
            test = classify_payloads(
                payloads[start : start + window], 96, encoding,
                sequence_numbers=numbers, rtp_timestamps=[160 * n for n in numbers],
            )  # fmt: skip
            assert test.clearness is not Clearness.NOT_CLEAR


@pytest.mark.captures
def test_the_tables_of_the_page_are_there_and_hold_no_error(captures: Path) -> None:
    rows = (ROOT / "docs" / "clear-test.md").read_text(encoding="utf-8").partition(MARK)[2].splitlines()
    wrong = [row.split("|")[-2].strip() for row in rows if row.startswith("| ") and " of " in row]
    assert len(wrong) > 20
    assert all(cell.startswith("0 of ") for cell in wrong)


@pytest.mark.proof
@pytest.mark.captures
def test_all_windows_of_speech_and_of_real_stacks(captures: Path) -> None:
    for seed in range(2, 6):
        assert wrong_windows(clear_rates.measure({"generated": generated(seed=seed), "real": recorded()})) == 0
