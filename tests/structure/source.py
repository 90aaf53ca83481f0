"""A C file as the checks of tests/structure see it: tokens, macros, strings joined as the compiler joins
them, and what stands at the top level."""

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


class Item(NamedTuple):
    """What stands at the top level up to its `;` or `}`."""

    kind: str  # function, prototype, variable, type, other
    names: list
    static: bool
    tokens: list
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

    def items(self):
        depth, run, opened = 0, [], None
        for token in self.code:
            run.append(token)
            if token.kind != "punct":
                continue
            if token.text == "{":
                if depth == 0 and not any(t.text == "{" for t in run[:-1]):
                    opened = function_name(run[:-1])
                depth += 1
            elif token.text == "}":
                depth -= 1
            if depth == 0 and (token.text == ";" or (token.text == "}" and opened)):
                yield item_of(run, opened)
                run, opened = [], None


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


def item_of(run, function):
    static = any(t.text == "static" for t in run[:4])
    if function:
        return Item("function", [function], static, run, run[0].line)
    texts = [t.text for t in run]
    brace = texts.index("{") if "{" in texts else len(run)
    equals = texts.index("=") if "=" in texts else len(run)
    forward = len(texts) == 3 and texts[0] in ("struct", "enum", "union")
    if texts[0] == "typedef" or forward or (brace < equals and texts[0] in ("struct", "enum", "union")):
        return Item("type", [], static, run, run[0].line)
    if texts[0] == "_Static_assert":
        return Item("other", [], static, run, run[0].line)
    name = function_name(run) if equals == len(run) and brace == len(run) else None
    if name:
        return Item("prototype", [name], static, run, run[0].line)
    names, depth = [], 0
    for i, token in enumerate(run[: min(equals, brace) + 1]):
        if depth == 0 and token.text in ("[", "=", ";", ",") and i and run[i - 1].kind == "word":
            names.append(run[i - 1].text)
        depth += (token.text in "([") - (token.text in ")]")
    return Item("variable" if names else "other", names, static, run, run[0].line)


def generated(item, macro):
    """The item that a macro makes when it is called at the top level."""
    start = next(i for i, t in enumerate(item.tokens) if t.text == "(")
    given = arguments(item.tokens[start + 1 : skip_brackets(item.tokens, start) - 1])
    run = substituted(macro, given) + [Token("punct", ";", item.line)]
    return item_of(run, function_name(run[:-1]) if any(t.text == "{" for t in run) else None)._replace(line=item.line)


def skip_brackets(tokens, i):
    """The index after the bracket that closes the one at `i`."""
    depth = 0
    while i < len(tokens):
        depth += (tokens[i].text == "(") - (tokens[i].text == ")")
        i += 1
        if depth == 0:
            break
    return i


ESCAPES = {"n": "\n", "r": "", "t": " ", '"': '"', "\\": "\\"}


def string_text(token):
    return re.sub(r'\\([nrt"\\])', lambda m: ESCAPES[m[1]], token.text[1:-1])


def joined_strings(tokens, macros, depth=0):
    """(text, line) of each literal with those that the compiler appends to it: adjacent ones, and macros
    between them, which are looked up in `macros`; what is not known there becomes `?`."""
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
    if name.startswith("PRI"):  # of inttypes.h: a conversion's letter
        return "l" + name[3]
    if macro is None or depth > 8:
        return "?"
    parts = [text for text, _ in joined_strings(macro.body, macros, depth + 1)]
    return "".join(parts) if parts else expansion_text(macro.body[0].text, macros, depth + 1) if macro.body else ""


def expanded(tokens, macros, depth=0):
    """The words of `tokens` after the preprocessor, the macros' own names among them, so that names made
    by `##` and by tables of macros count. Members of structs are left out."""
    found, i = set(), 0
    while i < len(tokens):
        token = tokens[i]
        before = tokens[i - 1].text if i else ""
        i += 1
        if token.kind != "word":
            continue
        if before in (".", "->"):
            continue
        found.add(token.text)
        macro = macros.get(token.text)
        if macro is None or macro.params is None or depth > 6 or i >= len(tokens) or tokens[i].text != "(":
            continue
        end = skip_brackets(tokens, i)
        found |= expanded(substituted(macro, arguments(tokens[i + 1 : end - 1])), macros, depth + 1)
    return found


def arguments(tokens):
    parts, depth = [[]], 0
    for token in tokens:
        if token.text == "," and depth == 0:
            parts.append([])
            continue
        depth += (token.text in "([{") - (token.text in ")]}")
        parts[-1].append(token)
    return parts


def substituted(macro, given):
    values = dict(zip(macro.params, given))
    out, body, i = [], macro.body, 0
    while i < len(body):
        token = body[i]
        if token.text == "#" and i + 1 < len(body) and body[i + 1].text == "#":
            i += 2
            right = values.get(body[i].text, [body[i]]) if i < len(body) else []
            if out and right:
                out[-1] = Token("word", out[-1].text + right[0].text, token.line)
                out += right[1:]
        else:
            out += values.get(token.text, [token])
        i += 1
    return out
