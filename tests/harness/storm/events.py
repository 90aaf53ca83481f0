"""What is posted, by its number: whoever knows the number knows the bytes, on both sides of the service."""

import hashlib
import re

BODY = re.compile(rb'\{"id":"(evt_[0-9a-z]{26})","type":"([^"]+)","created_at":"[^"]+","data":(.*)\}', re.S)
NUMBER = re.compile(rb'\{"number":(\d+),')
SMALL = 1 << 30  # from here on none is large, for a flood
LETTERS = bytes(range(97, 123))


def chance(number, salt):
    """The same for the same event, whoever asks: 0 to 999."""
    return int.from_bytes(hashlib.blake2b(b"%d %s" % (number, salt), digest_size=4).digest(), "big") % 1000


def size(number):
    if number >= SMALL:
        return number % 100
    luck = chance(number, b"size")
    if luck < 2:
        return 200_000
    return 6_000 if luck < 20 else luck // 4


def data(number):
    """The event's data, as JSON."""
    fill = (LETTERS * (size(number) // 26 + 1))[: size(number)]
    return b'{"number":%d,"text":"%s","tenth":0.1}' % (number, fill)


def read(body):
    """The number, the event's id and its type, of a message that says what was posted; None of any other."""
    message = BODY.fullmatch(body)
    number = message and NUMBER.match(message[3])
    if not number or message[3] != data(int(number[1])):
        return None
    return int(number[1]), message[1], message[2].decode()
