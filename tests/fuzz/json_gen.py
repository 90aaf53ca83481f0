"""Makes JSON documents, odd ones above all, and breaks some of them. Text only; no oracle here."""
import struct

SPACES = ["", "", "", "", " ", "\n", "\t", "\r\n  "]
WORDS = ["a", "b", "id", "type", "data", "created_at", "имя", "ключ", "😀", "\u2028", "\x7f", "__proto__",
         "", "constructor", "toJSON", "é", "日本", "\uffff", "a/b", "<>&"]
INDEX_KEYS = ["0", "1", "2", "10", "9", "01", "-1", "1.0", "4294967294", "4294967295", "4294967296",
              "2147483648", "99999999999", "00", "1e3", "123", "65535", " 1"]
NUMBERS = ["0", "-0", "-0.0", "0.0", "-0e5", "0e999", "1e400", "-1e400", "1e-400", "-1e-400", "1E5", "1e+5",
           "9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993",
           "123456789012345680", "999999999999999", "9999999999999999", "1000000000000000000000",
           "100000000000000000000", "999999999999999934463", "12345678901234567890", "5e-324", "2.5e-324",
           "2.4703282292062327e-324", "2.4703282292062328e-324", "1.7976931348623157e308",
           "1.7976931348623158e308", "1.7976931348623159e308", "2.2250738585072014e-308",
           "2.2250738585072011e-308", "4.35", "0.1", "1680506457.636369", "1680506457.0", "1e21", "1e20",
           "1e16", "1e15", "1e-4", "1e-5", "1e-6", "1e-7", "0.0001", "0.00001", "0.000001", "0.0000001",
           "1.0", "10.50", "100.00", "0.00012300", "123456789012345.0", "9007199254740993.0", "1.5e300",
           "5.684341886080801e-14", "5.684341886080802e-14", "9.5367431640625e-7", "2e-308"]
ESCAPES = ["\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u0000", "\\u001F", "\\u001f", "\\u007f",
           "\\u007F", "\\u0041", "\\u00e9", "\\u2028", "\\uD83D\\uDE00", "\\ud83d", "\\uDE00", "\\uDE00\\uD83D",
           "\\uD83D\\uD83D\\uDE00", "\\ud83d😀", "\\uFFFF", "\\u0022", "\\u005c", "\\u002f", "\\u0008", "\\ud83dx"]


def double_text(r, bits):
    x = struct.unpack("<d", struct.pack("<Q", bits & (2**64 - 1)))[0]
    if x != x or x in (float("inf"), float("-inf")):
        return "1.25"
    return r.choice([repr, lambda v: "%.17g" % v, lambda v: "%.16g" % v, lambda v: "%.15e" % v,
                     lambda v: "%.20e" % v, lambda v: "%.3E" % v])(x)


def big_integer(r):
    kind = r.randrange(4)
    if kind == 0:
        n = 2 ** r.randrange(50, 80) + r.randrange(-3, 4)
    elif kind == 1:
        n = r.randrange(10 ** r.randrange(14, 24))
    elif kind == 2:
        n = 10 ** r.randrange(14, 24) + r.randrange(-2, 3)
    else:
        n = int(r.random() * 2**70)
    return str(-n if r.random() < 0.3 else n)


def number(r):
    kind = r.randrange(12)
    if kind <= 1:
        return r.choice(NUMBERS)
    if kind == 2:
        return double_text(r, r.getrandbits(64))
    if kind == 3:  # a power of two and what lies beside it
        return double_text(r, (r.randrange(0, 2047) << 52) + r.randrange(-2, 3))
    if kind == 4:  # denormals
        return double_text(r, r.getrandbits(r.randrange(1, 53)))
    if kind == 5:  # powers of ten and what lies beside them
        power = struct.unpack("<Q", struct.pack("<d", float("1e%d" % r.randrange(-25, 25))))[0]
        return double_text(r, power + r.randrange(-2, 3))
    if kind == 6:
        return big_integer(r)
    if kind == 7:
        return "%d.%s" % (r.randrange(1000), "".join(r.choice("0001234567899") for _ in range(r.randrange(1, 20))))
    if kind == 8:
        return "%se%d" % (r.choice(["1", "9", "1.5", "-2.25", "123456"]), r.randrange(-30, 30))
    if kind == 9:
        return repr(r.uniform(-1e6, 1e6))
    if kind == 10:
        return repr(round(r.uniform(-1000, 1000), r.randrange(0, 6)))
    return str(r.randrange(-100000, 100000))


def string(r, words=WORDS):
    if r.random() < 0.5:
        return '"%s"' % r.choice(words)
    parts = []
    for _ in range(r.randrange(5)):
        kind = r.randrange(4)
        if kind == 0:
            parts.append(r.choice(ESCAPES))
        elif kind == 1:
            parts.append(chr(r.choice([r.randrange(0x5d, 0x180), r.randrange(0x400, 0x460),
                                       r.randrange(0xe000, 0x11000), r.randrange(0x10000, 0x110000)])))
        elif kind == 2:
            parts.append("\\u%04x" % r.choice([r.randrange(0x80), r.randrange(0x10000), 0xd800 + r.randrange(0x800)]))
        else:
            parts.append(r.choice(words))
    return '"%s"' % "".join(parts)


def spelled(r, key):
    """The same key, sometimes with one character as an escape."""
    if not key or r.random() < 0.85 or ord(key[-1]) > 0xffff:
        return '"%s"' % key
    return '"%s\\u%04x"' % (key[:-1], ord(key[-1]))


def key(r):
    kind = r.randrange(8)
    if kind <= 1:
        return spelled(r, r.choice(INDEX_KEYS))
    if kind == 2:
        return '"%d"' % r.randrange(40)
    if kind == 3:
        return string(r)
    return spelled(r, r.choice(WORDS))


def scalar(r):
    kind = r.randrange(8)
    if kind < 4:
        return number(r)
    return r.choice(["true", "false", "null"]) if kind == 4 else string(r)


def value(r, depth, gap):
    kind = r.randrange(10)
    if depth <= 0 or kind < 5:
        return scalar(r)
    count = r.randrange(6)
    if kind < 7:
        return "[" + gap() + ("," + gap()).join(value(r, depth - 1, gap) + gap() for _ in range(count)) + "]"
    return "{" + gap() + ("," + gap()).join(
        key(r) + gap() + ":" + gap() + value(r, depth - 1, gap) + gap() for _ in range(count)) + "}"


def wide(r):
    count, names = r.randrange(17, 300), r.choice([20, 1000, 10**9])
    prefix = r.choice(["", "k", "имя", "\\u0061"])
    return "{" + ",".join('"%s%d":%s' % (prefix, r.randrange(names), scalar(r)) for _ in range(count)) + "}"


def deep(r):
    """Around the limit of 64 containers."""
    text, levels = scalar(r), r.choice([3, 20, 63, 64, 64, 65])
    for _ in range(levels):
        text = "[%s]" % text if r.random() < 0.5 else '{"b":1,"1":%s,"0":2}' % text
    return text


def long_integer(r):
    return r.choice(["%s", "[%s]", '{"a":%s}']) % ("9" * r.choice([22, 309, 400, 4299, 4300, 4301, 5000]))


def broken(r, text):
    """One byte deleted, changed, doubled or added; often still valid."""
    data = bytearray(text.encode())
    at = r.randrange(len(data) + 1)
    kind = r.randrange(4)
    if kind == 0:
        del data[at:at + 1]
    elif kind == 1 and at < len(data):
        data[at] = r.randrange(256)
    elif kind == 2:
        data[at:at] = data[at:at + 1]
    else:
        data[at:at] = bytes([r.choice(b'",:[]{}0-+.eE\\u/ tfn\x00\x1f\x7f\x80\xc0\xed\xef\xff')])
    return bytes(data)


def document(r):
    choice = r.randrange(1000)
    if choice < 8:
        return wide(r).encode()
    if choice < 20:
        return deep(r).encode()
    if choice < 22:
        return long_integer(r).encode()
    gap = (lambda: r.choice(SPACES)) if r.random() < 0.2 else (lambda: "")
    kinds = [lambda: value(r, 4, gap), lambda: "{" + gap() + ",".join(
        key(r) + gap() + ":" + value(r, 2, gap) for _ in range(r.randrange(1, 9))) + "}"]
    text = gap() + r.choice(kinds)() + gap()
    return broken(r, text) if r.random() < 0.15 else text.encode()
