# SPDX-License-Identifier: GPL-2.0-only
"""What a browser would make of a document: its tags and attributes, parsed by the standard library."""

from html.parser import HTMLParser
from typing import NamedTuple


class Tag(NamedTuple):
    """One start tag with its attributes."""

    name: str
    attributes: tuple[tuple[str, str | None], ...]


class _Collector(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[Tag] = []
        self.events: list[str] = []
        self._style: list[str] = []
        self._text: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(Tag(tag, tuple(attrs)))
        self.events.append(f"<{tag} {' '.join(sorted(name for name, _ in attrs))}>")
        self._in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self.events.append(f"</{tag}>")
        self._in_style = False

    def handle_comment(self, data: str) -> None:
        self.events.append("<!-- -->")

    def handle_data(self, data: str) -> None:
        (self._style if self._in_style else self._text).append(data)

    @property
    def style(self) -> str:
        return "".join(self._style)

    @property
    def text(self) -> str:
        return "".join(self._text)


def parse_html(document: str) -> _Collector:
    collector = _Collector()
    collector.feed(document)
    collector.close()
    return collector
