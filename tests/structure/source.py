"""A C file as the checks see it: tokens, macros, and strings joined as the compiler joins them."""

import re
from typing import NamedTuple

TOKEN = re.compile(
    r"""(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<char>'(?:\\.|[^'\\\n])*')
      | (?P<directive>^[ \t]*\#(?:\\\n|/\*.*?\*/|[^\n])*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)
      | (?P<punct>->|[^\s\w])""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
DEFINE = re.compile(r"[ \t]*#[ \t]*define[ \t]+(\w+)(\([^)]*\))?")
NOT_FUNCTION_NAMES = {"__attribute__", "_Alignas", "__typeof__", "typeof", "_Static_assert"}
NOT_BEFORE_STRINGS = {"return", "case", "else", "sizeof", "L", "u8"}


class Token(NamedTuple):
    kind: str
    text: str
    line: int


class Macro(NamedTuple):
    name: str
    params: list | None  # None: takes none, not even ()
    body: list
    line: int


def tokens_of(text, line=1):
    found, at = [], 0
    for match in TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        found.append(Token(match.lastgroup, match.group(), line))
    return found


class Source:
    """`code` is without comments and directives; `macros` are those that this file defines."""

    def __init__(self, root, path):
        self.name = path.relative_to(root).as_posix()
        self.text = path.read_text(encoding="utf-8", errors="replace")
        self.lines = len(self.text.splitlines())
        self.tokens = tokens_of(self.text)
        self.code = [t for t in self.tokens if t.kind not in ("comment", "directive")]
        self.macros = {m.name: m for m in self._macros()}

    def directives(self):
        return [(t.text, t.line) for t in self.tokens if t.kind == "directive"]

    def includes(self):
        for text, line in self.directives():
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', text)
            if match:
                yield match[1], match[2], line

    def _macros(self):
        for text, line in self.directives():
            match = DEFINE.match(text)
            if not match:
                continue
            params = match[2] and re.findall(r"\w+|\.\.\.", match[2])
            first = line + text.count("\n", 0, match.end())
            body = [t for t in tokens_of(text[match.end() :], first) if t.kind != "comment" and t.text != "\\"]
            yield Macro(match[1], params, body, line)

    def streams(self):
        """The code, and each macro's body: what a rule about words has to see."""
        yield self.code
        for macro in self.macros.values():
            yield macro.body

    def words(self):
        """(word, line, what follows, what stands before), members of structs included."""
        for stream in self.streams():
            for i, token in enumerate(stream):
                if token.kind == "word":
                    after = stream[i + 1].text if i + 1 < len(stream) else ""
                    yield token.text, token.line, after, stream[i - 1].text if i else ""

    def functions(self):
        """(name, first line, lines) of every function definition, and (None, line, 0) if the braces do
        not balance."""
        depth, head, opened = 0, [], None
        for token in self.code:
            kind, text, line = token
            if depth == 0 and kind == "punct" and text == ";":
                head = []
            elif text == "{" and kind == "punct":
                if depth == 0:
                    opened = function_name(head)
                    opened = opened and (opened, head[0].line)
                depth += 1
            elif text == "}" and kind == "punct":
                depth -= 1
                if depth < 0:
                    yield None, line, 0
                    return
                if depth == 0 and opened:
                    yield opened[0], opened[1], line - opened[1] + 1
                if depth == 0:
                    # A struct or an initialiser goes on until its semicolon; a function ends here.
                    head = [] if opened else [Token("punct", "=", line)]
            elif depth == 0:
                head.append(token)
        if depth != 0:
            yield None, self.lines, 0


def function_name(head):
    """The name that a `{` after these tokens defines as a function, or None."""
    depth, name, previous = 0, None, None
    for kind, text, _ in head:
        if text == "=" and depth == 0:
            return None
        if text == "(":
            # A name in capitals before another is an attribute: PRINTF_LIKE(1, 2) static void say(…).
            if depth == 0 and (name is None or name.isupper()) and previous and previous[0] == "word":
                name = previous[1] if previous[1] not in NOT_FUNCTION_NAMES else None
            depth += 1
        elif text == ")":
            depth -= 1
        previous = (kind, text)
    return name


def skip_brackets(tokens, i):
    """The index after the bracket that closes the one at `i`."""
    depth = 0
    while i < len(tokens):
        depth += (tokens[i].text == "(") - (tokens[i].text == ")")
        i += 1
        if depth == 0:
            break
    return i


def string_text(token):
    return re.sub(r"\\[nrt]", " ", token.text[1:-1]).replace('\\"', '"')


def joined_strings(tokens, macros, depth=0):
    """(text, line) of each literal with those that the compiler appends to it: adjacent ones, and macros
    between them, which are looked up in `macros`; what is not known there becomes ` ? `."""
    i = 0
    while i < len(tokens):
        token = tokens[i]
        macro_first = (
            token.kind == "word" and token.text not in NOT_BEFORE_STRINGS
            and i + 1 < len(tokens) and tokens[i + 1].kind == "string"
        )
        if token.kind != "string" and not macro_first:
            i += 1
            continue
        text = ""
        while i < len(tokens) and (tokens[i].kind in ("string", "word") or tokens[i].text == "#"):
            here = tokens[i]
            i += 1
            if here.kind == "string":
                text += string_text(here)
            elif here.kind == "word":
                text += expansion_text(here.text, macros, depth)
                if i < len(tokens) and tokens[i].text == "(":
                    i = skip_brackets(tokens, i)
        yield text, token.line


def expansion_text(name, macros, depth):
    macro = macros.get(name)
    if macro is None or depth > 8:
        return " ? "
    parts = [text for text, _ in joined_strings(macro.body, macros, depth + 1)]
    return "".join(parts) if parts else expansion_text(macro.body[0].text, macros, depth + 1) if macro.body else ""
