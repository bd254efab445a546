# SPDX-License-Identifier: GPL-2.0-only
"""File and section headers: what a scan must know before it can walk packets (pcap and pcapng drafts, IETF opsawg)."""

from collections.abc import Sequence
from dataclasses import field

from analyzer.capture import scan
from analyzer.capture.columns import Octets, plain_cells
from analyzer.capture.name_resolution import parse_name_records
from analyzer.capture.records import seems_pcap_record
from analyzer.errors import CaptureError
from analyzer.model.capture_comment import CaptureComment, CaptureName
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_log import KeyLogSecret, parse_key_log_line
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.masking import mask_sdp_secrets

MIN_RECORD_LIMIT = 262_144  # what every writer may use, whatever its header says
MAX_RECORD_OCTETS = 128 << 20
MAX_INTERFACES = 65_536
SECTION, INTERFACE, NAMES, STATISTICS, DECRYPTION_SECRETS = 0x0A0D0D0A, 1, 4, 5, 10
TLS_KEY_LOG = 0x544C534B
MAX_SECRETS = 1_000_000
MAX_COMMENTS, MAX_COMMENT_OCTETS = 1000, 4096
MAX_NAMES = 10_000
OPT_COMMENT = 1
SECTION_MAGIC = 0x1A2B3C4D
OPT_IF_TSRESOL, OPT_IF_TSOFFSET = 9, 14
OPT_ISB_IFDROP, OPT_ISB_OSDROP = 5, 7
_NANOSECONDS = 1_000_000_000
HEAD_OCTETS = 1 << 16
# Magic number: nanoseconds per fraction, octets of a record header. Some systems wrote longer headers under the magic
# number of others (Nokia IPSO 20, Red Hat 6.1 24, SuSE 6.3 28): the records themselves tell, as they do for Wireshark.
_PCAP_MAGIC = {
    0xA1B2C3D4: (1000, (16, 20, 24)),
    0xA1B23C4D: (1, (16,)),
    0xA1B2CD34: (1000, (24, 28)),
}


@dataclass(slots=True)
class Layout:
    """Where a scan stands: its state cells, the interfaces of the current section, and what blocks have told."""

    format: str
    state: memoryview
    interfaces: memoryview = field(default_factory=lambda: plain_cells(4, scan.INTERFACE_CELLS))
    drops: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    section: int = 0
    defects: list[Defect] = field(default_factory=list)
    secrets: list[KeyLogSecret] = field(default_factory=list)
    comments: list[CaptureComment] = field(default_factory=list)
    comments_left_out: int = 0
    names: dict[CaptureName, None] = field(default_factory=dict)
    names_left_out: int = 0

    @property
    def interface_drops(self) -> int | None:
        """Packets that interfaces and operating system say they dropped, or None where nobody said."""
        return sum(interface + system for interface, system in self.drops.values()) if self.drops else None


def read_file_header(head: bytes, name: str) -> Layout:
    """The layout of a capture from its first `HEAD_OCTETS`; raises CaptureError for anything that is none."""
    if not head:
        message = f"{name}: the file is empty (offset 0)"
        raise CaptureError(message)
    state = plain_cells(scan.STATE_CELLS)
    state[scan.S_LIMIT] = MAX_RECORD_OCTETS
    if head[:4] == b"\n\r\r\n":
        if head[8:12] not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
            message = f"{name}: a pcapng section header without its byte-order magic (offset 8)"
            raise CaptureError(message)
        return Layout("pcapng", state)
    for big, magic in ((True, head[:4]), (False, head[3::-1])):
        known = _PCAP_MAGIC.get(int.from_bytes(magic, "big"))
        if known is not None and len(head) >= 4:
            return _pcap_layout(head, big, *known, state, name)
    raise CaptureError(_why_unknown(head, name))


def _pcap_layout(head: bytes, big: bool, scale: int, headers: Sequence[int], state: memoryview, name: str) -> Layout:
    if len(head) < 24:
        message = f"{name}: cut inside the pcap file header (offset {len(head)} of 24)"
        raise CaptureError(message)
    snaplen = scan.file32(head, 16, big)
    state[scan.S_OFFSET] = 24
    state[scan.S_BIG] = big
    state[scan.S_LINK] = scan.file32(head, 20, big) & 0xFFFF  # the upper bits tell of a frame check sequence
    state[scan.S_SCALE] = scale
    state[scan.S_LIMIT] = max(MIN_RECORD_LIMIT, min(snaplen, MAX_RECORD_OCTETS))
    state[scan.S_HEADER] = _record_header_octets(head, state, headers)
    return Layout("pcap", state)


def _record_header_octets(head: bytes, state: memoryview, known: Sequence[int]) -> int:
    """The first of the known lengths with which records follow each other; the first of all where none does."""
    at, state[scan.S_END] = int(state[scan.S_OFFSET]), len(head)
    for octets in known:
        state[scan.S_HEADER] = octets
        if not seems_pcap_record(head, at, -1, state):
            continue
        second = at + octets + scan.file32(head, at + 8, state[scan.S_BIG])
        if octets == known[0] or seems_pcap_record(head, second, -1, state):
            return octets
    return known[0]


def _why_unknown(head: bytes, name: str) -> str:
    if all(octet in b"\t\n\r\f" or 32 <= octet < 127 or octet >= 128 for octet in head[:64]) and _is_text(head[:64]):
        return f"{name}: a text file, not a pcap or pcapng capture (offset 0)"
    return f"{name}: unknown magic number 0x{head[:4].hex()}, not a pcap or pcapng capture (offset 0)"


def _is_text(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True


def read_block(buffer: Octets, layout: Layout) -> int:
    """Read the block at the scan's offset and step over it; returns a scan status (END for "go on")."""
    state = layout.state
    at, end = int(state[scan.S_OFFSET]), int(state[scan.S_END])
    if bytes(buffer[at : at + 4]) == b"\n\r\r\n":
        return _read_section(buffer, at, end, layout)
    big = int(state[scan.S_BIG])
    kind = scan.file32(buffer, at, big)
    total = scan.file32(buffer, at + 4, big)
    if kind == INTERFACE:
        if total < 20:
            return scan.DAMAGED
        _read_interface(bytes(buffer[at : at + total]), big, at, layout)
    elif kind == NAMES:
        _read_names(bytes(buffer[at : at + total]), big, at, layout)
    elif kind == STATISTICS:
        if total < 24:
            return scan.DAMAGED
        _read_statistics(bytes(buffer[at : at + total]), big, layout)
    elif kind == DECRYPTION_SECRETS:
        if total < 20:
            return scan.DAMAGED
        _read_secrets(bytes(buffer[at : at + total]), big, at, layout)
    state[scan.S_OFFSET] = at + total
    return scan.END


def _read_section(buffer: Octets, at: int, end: int, layout: Layout) -> int:
    if end - at < 28:
        return scan.SHORT
    if scan.file32(buffer, at + 8, 1) == SECTION_MAGIC:
        big = 1
    elif scan.file32(buffer, at + 8, 0) == SECTION_MAGIC:
        big = 0
    else:
        return scan.DAMAGED
    total = scan.file32(buffer, at + 4, big)
    if total < 28 or total & 3 or total > MAX_RECORD_OCTETS:
        return scan.DAMAGED
    if total > end - at:
        return scan.SHORT
    _keep_comments(iter_options(bytes(buffer[at : at + total]), 24, big), 0, layout)
    layout.state[scan.S_BIG] = big
    layout.state[scan.S_INTERFACES] = 0
    layout.state[scan.S_OFFSET] = at + total
    layout.section += 1
    return scan.END


def iter_options(block: bytes, start: int, big: int) -> list[tuple[int, bytes]]:
    """The options of a block that ends with its total length; broken ones end the list."""
    options: list[tuple[int, bytes]] = []
    at, end = start, len(block) - 4
    while end - at >= 4:
        code, octets = scan.file16(block, at, big), scan.file16(block, at + 2, big)
        if code == 0 or octets > end - at - 4:
            break
        options.append((code, block[at + 4 : at + 4 + octets]))
        at += 4 + (octets + 3 & ~3)
    return options


def _read_interface(block: bytes, big: int, at: int, layout: Layout) -> None:
    index = int(layout.state[scan.S_INTERFACES])
    if index >= MAX_INTERFACES:
        layout.defects.append(Defect("too-many-interfaces", at, "pcapng §4.2", f"more than {MAX_INTERFACES}"))
        return
    if index == len(layout.interfaces):
        wider = plain_cells(2 * index, scan.INTERFACE_CELLS)
        wider.cast("B")[: layout.interfaces.nbytes] = layout.interfaces.cast("B")
        layout.interfaces = wider
    cells = layout.interfaces
    for cell in range(scan.INTERFACE_CELLS):
        cells[index, cell] = 0
    cells[index, scan.I_LINK] = scan.file16(block, 8, big)
    cells[index, scan.I_SNAPLEN] = scan.file32(block, 12, big)
    cells[index, scan.I_MULTIPLIER], cells[index, scan.I_DIVISOR] = 1000, 1
    options = iter_options(block, 16, big)
    _keep_comments(options, 0, layout)
    for code, value in options:
        if code == OPT_IF_TSRESOL and len(value) == 1:
            _set_resolution(index, value[0], at, layout)
        elif code == OPT_IF_TSOFFSET and len(value) == 8:
            seconds = int.from_bytes(value if big else value[::-1], "big", signed=True)
            if abs(seconds) * _NANOSECONDS > scan.MAX_TIME_NS:
                layout.defects.append(Defect("time-offset-out-of-range", at, "pcapng §4.2", f"{seconds} s"))
                continue
            cells[index, scan.I_OFFSET] = seconds * _NANOSECONDS
    layout.state[scan.S_INTERFACES] = index + 1


def _set_resolution(index: int, value: int, at: int, layout: Layout) -> None:
    cells = layout.interfaces
    exponent = value & 0x7F
    if value & 0x80 and 0 < exponent < 63:
        cells[index, scan.I_SHIFT] = exponent
    elif value & 0x80 and exponent == 0:
        cells[index, scan.I_MULTIPLIER] = _NANOSECONDS
    elif not value & 0x80 and exponent <= 9:
        cells[index, scan.I_MULTIPLIER] = 10 ** (9 - exponent)
    elif not value & 0x80 and exponent <= 27:
        cells[index, scan.I_MULTIPLIER], cells[index, scan.I_DIVISOR] = 1, 10 ** (exponent - 9)
    else:
        layout.defects.append(Defect("time-resolution-out-of-range", at, "pcapng §4.2", f"if_tsresol {value:#04x}"))


def _read_statistics(block: bytes, big: int, layout: Layout) -> None:
    key = (layout.section, scan.file32(block, 8, big))
    options = iter_options(block, 20, big)
    _keep_comments(options, 0, layout)
    for code, value in options:
        if code in (OPT_ISB_IFDROP, OPT_ISB_OSDROP) and len(value) == 8 and len(layout.drops) < MAX_INTERFACES:
            count = int.from_bytes(value if big else value[::-1], "big")
            interface, system = layout.drops.get(key, (0, 0))  # counters grow: the last block of an interface counts
            layout.drops[key] = (count, system) if code == OPT_ISB_IFDROP else (interface, count)


def _read_names(block: bytes, big: int, at: int, layout: Layout) -> None:
    names, options = parse_name_records(block, big)
    for name in names:
        if name in layout.names:
            continue
        if len(layout.names) < MAX_NAMES:
            layout.names[name] = None
        else:
            layout.names_left_out += 1
    if options is None:
        detail = "the names behind a record that reaches past its block are lost"
        layout.defects.append(Defect("names-unreadable", at, "pcapng §4.5", detail))
        return
    _keep_comments(iter_options(block, options, big), 0, layout)


def _read_secrets(block: bytes, big: int, at: int, layout: Layout) -> None:
    """A Decryption Secrets Block; of its kinds, key logs of TLS are understood (pcapng §4.7)."""
    kind, octets = scan.file32(block, 8, big), scan.file32(block, 12, big)
    if kind != TLS_KEY_LOG:
        detail = f"secrets of type {kind:#010x}, which open no call, were passed over"
        layout.defects.append(Defect("secrets-not-used", at, "pcapng §4.7", detail))
        return
    unread = 0
    for line in block[16 : min(16 + octets, len(block) - 4)].split(b"\n"):
        try:
            secret = parse_key_log_line(line)
        except GrammarError:
            unread += 1
            continue
        if secret is not None and len(layout.secrets) < MAX_SECRETS:
            layout.secrets.append(secret)
    if unread:
        layout.defects.append(Defect("secrets-unreadable", at, "pcapng §4.7", f"{unread} lines are none of a key log"))


def read_comment(buffer: Octets, frame: int, layout: Layout) -> None:
    """The comments of the packet block that the scan stopped behind."""
    at, big = int(layout.state[scan.S_COMMENT]), int(layout.state[scan.S_BIG])
    block = bytes(buffer[at : at + scan.file32(buffer, at + 4, big)])
    captured = scan.file32(block, 20, big)
    _keep_comments(iter_options(block, 28 + captured + (-captured & 3), big), frame, layout)


def _keep_comments(options: list[tuple[int, bytes]], frame: int, layout: Layout) -> None:
    for code, value in options:
        if code != OPT_COMMENT:
            continue
        if len(layout.comments) >= MAX_COMMENTS:
            layout.comments_left_out += 1
            continue
        text = mask_sdp_secrets(value[:MAX_COMMENT_OCTETS].decode("utf-8", "backslashreplace"))
        layout.comments.append(CaptureComment(frame, text))
