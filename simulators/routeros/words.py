# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Words and sentences of the RouterOS API, as the manual's page "API" describes them. No sockets here but ``Reader``."""

#: A longer word ends the connection, as a length byte of 0xF8 or more (reserved) does.
LONGEST = 8 << 20


class BrokenError(Exception):
    """The peer does not speak the protocol: the connection has no future."""


def encode_length(length):
    """
    >>> [encode_length(n).hex() for n in (0, 0x7F, 0x80, 0x3FFF, 0x4000, 0x1FFFFF, 0x200000, 0xFFFFFFF, 0x10000000)]
    ['00', '7f', '8080', 'bfff', 'c04000', 'dfffff', 'e0200000', 'efffffff', 'f010000000']
    """
    if length < 0x80:
        return length.to_bytes(1, "big")
    if length < 0x4000:
        return (length | 0x8000).to_bytes(2, "big")
    if length < 0x200000:
        return (length | 0xC00000).to_bytes(3, "big")
    if length < 0x10000000:
        return (length | 0xE0000000).to_bytes(4, "big")
    return b"\xf0" + length.to_bytes(4, "big")


def encode(words):
    """:return: the bytes of one sentence, with the empty word that ends it"""
    raw = []
    for word in words:
        data = word if isinstance(word, bytes) else word.encode("utf-8", "surrogateescape")
        raw += encode_length(len(data)), data
    return b"".join(raw) + b"\0"


class Reader:
    """Sentences from a socket."""

    def __init__(self, sock):
        self._sock = sock
        self._data = bytearray()

    def sentence(self):
        """:return: the words of the next sentence; None when the peer has closed between sentences

        :raise BrokenError: half a sentence, then the end; or what is no length
        """
        words = []
        while True:
            length = self._length(first=not words)
            if length is None:
                return None
            if not length:
                if words:
                    return words
                continue
            words.append(self._take(length).decode("utf-8", "surrogateescape"))

    def _length(self, first):
        head = self._take(1, may_end=first)
        if head is None:
            return None
        byte = head[0]
        for limit, more, mask in ((0x80, 0, 0x7F), (0xC0, 1, 0x3F), (0xE0, 2, 0x1F), (0xF0, 3, 0x0F)):
            if byte < limit:
                length = int.from_bytes(bytes([byte & mask]) + self._take(more), "big")
                break
        else:
            if byte != 0xF0:
                raise BrokenError(f"reserved control byte 0x{byte:02x}")
            length = int.from_bytes(self._take(4), "big")
        if length > LONGEST:
            raise BrokenError(f"a word of {length} bytes")
        return length

    def _take(self, size, may_end=False):
        while len(self._data) < size:
            more = self._sock.recv(65536)
            if not more:
                if may_end and not self._data:
                    return None
                raise BrokenError("the connection ended within a sentence")
            self._data += more
        taken = bytes(self._data[:size])
        del self._data[:size]
        return taken
