"""The rules that one file keeps by itself."""

import re

from structure import sql
from structure.source import joined_strings

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 80

# A layer and those that it may include besides itself. src/main*.c and src/command_*.c may include every one.
LAYERS = {
    "base": set(),
    "core": {"base"},
    "io": {"base"},
    "store": {"base", "core", "io"},
    "api": {"base", "core", "io", "store"},
    "worker": {"base", "core", "io", "store"},
    "cli": {"base", "core", "io"},  # it speaks to the API, as anybody's program does
}

# A library's headers and the only files that may include them.
LIBRARIES = [
    (r"libpq|postgres_ext\.h|hiredis/|curl/|ares", r"(src|include)/io/", "only io/ may include it"),
    (r"h2o\.h|h2o/", r"src/api/(call|refusal|server)\.c", "only call.c, refusal.c and server.c of api/ may include it"),
    (r"uv\.h|uv/", r"src/io/|include/io/loop_uv\.h", "only src/io/ and io/loop_uv.h may include it"),
    (
        r"json-c/|json\.h|json_object\.h|json_tokener\.h",
        r"(src|include)/core/",
        "only core/ may include it",
    ),
]

BANNED = "sprintf vsprintf strcpy strcat strtok atoi gets alloca rand localtime signal".split()

# libuv stays in io/, behind loop, timeout and watch; but h2o accepts connections on libuv's handles.
UV_HOLDERS = r"src/io/|include/io/loop_uv\.h|src/api/(listener|server)\.[ch]$"

# The rest of api/ knows a request as a call.
H2O_HOLDERS = r"src/api/(call|refusal|server)\.[ch]$"

# What core/ may include of the system: nothing there reads a clock or touches the outside. stdio is for
# snprintf, the socket headers for the shape of addresses.
CORE_HEADERS = set(
    "arpa/inet.h assert.h ctype.h errno.h inttypes.h limits.h math.h netinet/in.h stdarg.h stdbool.h stddef.h "
    "stdint.h stdio.h stdlib.h string.h strings.h sys/socket.h sys/types.h".split()
)
CLOCKS = set(
    "clock_mono_ms clock_mono_us clock_wall_ms clock_gettime gettimeofday time gmtime ftime times clock "
    "timespec_get nanosleep usleep sleep id_new".split()
)
OUTSIDE = set(
    "FILE stdin stdout stderr printf vprintf fprintf vfprintf dprintf puts fputs putchar fputc putc perror fopen "
    "fdopen freopen fclose fread fwrite fgets fgetc getc getchar getline scanf fscanf fflush tmpfile open openat creat "
    "close read write pread pwrite readv writev lseek stat fstat lstat access unlink remove rename mkdir opendir readdir "
    "fcntl ioctl mmap pipe pipe2 eventfd dup dup2 socket socketpair bind listen accept accept4 connect send sendto "
    "sendmsg recv recvfrom recvmsg shutdown setsockopt getsockopt poll ppoll select epoll_create1 epoll_wait "
    "getaddrinfo getnameinfo gethostbyname getenv secure_getenv setenv putenv unsetenv environ getpid gethostname "
    "getrandom system popen fork vfork execv execve execvp kill raise sigaction syslog "
    "log_debug log_info log_warn log_error log_write".split()
)

# Who may know HTTP's status numbers besides api/.
STATUS_HOLDERS = {
    r"(src|include)/api/": "answers with them",
    r"src/cli/answer\.c$": "judges the API's answers",
    r"src/cli/doctor\.c$": "judges receivers' answers, in words",
    r"src/core/delivery\.c$": "judges receivers' answers",
    r"(src|include)/core/profile(/|\.)": "profiles judge their services' answers",
    r"src/io/fetch_\w+\.c$": "HTTP's own framing: 1xx, and whether there is a body",
}
STATUSES = set(
    "100 101 102 103 199 200 201 202 203 204 205 206 207 208 226 299 300 301 302 303 304 305 307 308 399 400 401 402 403 "
    "404 405 406 407 408 409 410 411 412 413 414 415 416 417 418 421 422 423 424 425 426 428 429 431 451 499 500 501 "
    "502 503 504 505 506 507 508 510 511 599 600".split()
)
STATUS_NAME = re.compile(r"(^|_)(status|code|http)(_|$)", re.IGNORECASE)


def layer_of(name):
    """base … worker, "main" for src/main*.c and src/command_*.c, None for what is in no layer."""
    parts = name.split("/")
    if parts[0] in ("src", "include") and len(parts) > 2 and parts[1] in LAYERS:
        return parts[1]
    return "main" if re.fullmatch(r"src/\w+\.[ch]", name) else None


def in_program(source):
    return source.name.startswith(("src/", "include/"))


def check_includes(root, source):
    layer = layer_of(source.name)
    for mark, target, line in source.includes():
        for pattern, allowed, why in LIBRARIES:
            if mark == "<" and re.match(pattern, target) and not re.match(allowed, source.name):
                if not source.name.startswith("tests/"):
                    yield source.name, line, f"includes <{target}>: {why}"
        if mark == "<" and layer == "core" and target not in CORE_HEADERS and not target.startswith("json-c/"):
            yield source.name, line, f"includes <{target}>: core/ does no I/O and reads no clock"
        other = target.split("/")[0]
        if mark != '"' or layer in (None, "main"):
            continue
        if "../" in target:
            yield source.name, line, f'includes "{target}": name it from the root of its folder'
        elif "/" in target and other in LAYERS and other != layer:
            if other not in LAYERS[layer]:
                yield source.name, line, f'includes "{target}": {layer} must not use {other}'
            elif not (root / "include" / target).exists():
                yield source.name, line, f'includes "{target}": not a public header of {other}'


def check_words(source):
    """Who may use which names."""
    core = layer_of(source.name) == "core"
    uv = in_program(source) and not re.match(UV_HOLDERS, source.name)
    h2o = in_program(source) and not re.match(H2O_HOLDERS, source.name)
    for word, line, after, before in source.words():
        member = before in (".", "->")
        if word in BANNED and after == "(" and not member:
            yield source.name, line, f"calls {word}(), which is banned"
        if uv and word.startswith(("uv_", "UV_")) and not member:
            yield source.name, line, f"uses {word}: only io/ may"
        if h2o and word.startswith(("h2o_", "st_h2o_", "H2O_")) and not member:
            yield source.name, line, f"uses {word}: only call, refusal and server of api/ may"
        if core and not member and (after == "(" or word in ("FILE", "stdin", "stdout", "stderr", "environ")):
            if word in CLOCKS:
                yield source.name, line, f"calls {word}(): core/ is told the time"
            elif word in OUTSIDE:
                yield source.name, line, f"uses {word}: core/ does no I/O"


def check_strings(source, macros, vocabulary):
    if not in_program(source) or source.name.startswith("src/store/"):
        return
    known = {**macros, **source.macros}
    for stream in source.streams():
        for text, line in joined_strings(stream, known):
            if sql.is_sql(text, vocabulary):
                yield source.name, line, "SQL text: only src/store/ may hold it"
            elif sql.is_lua(text):
                yield source.name, line, "a script for Redis: only src/store/ may hold it"


def check_numbers(source):
    """States in SQL are written by the macros of src/store/sql.h, which the enums of core/ have them from."""
    if not source.name.startswith("src/store/"):
        return
    for stream in source.streams():
        for text, line in joined_strings(stream, {}):
            if sql.has_state_number(text):
                yield source.name, line, "the number of a state: write its name, from src/store/sql.h"


def check_statuses(source):
    """Numbers that are HTTP statuses by what stands beside them: a comparison with, a case of, or a value for
    something called status or code, a table's entry beside an ERR_ or STATUS_ name, an answering function's argument."""
    if not in_program(source) or any(re.match(holder, source.name) for holder in STATUS_HOLDERS):
        return
    for macro in source.macros.values():
        if STATUS_NAME.search(macro.name) and len(macro.body) == 1 and macro.body[0].text in STATUSES:
            yield source.name, macro.line, f"{macro.name} is an HTTP status: they belong to api/ and core/delivery.c"
    for stream in source.streams():
        for i, token in enumerate(stream):
            if token.kind == "number" and token.text in STATUSES and names_status(stream, i):
                yield source.name, token.line, f"{token.text} is an HTTP status: they belong to api/ and core/delivery.c"


def names_status(tokens, i):
    """Whether the number at `i` is compared with, assigned to, or listed beside a status."""

    def text(at):
        return tokens[at].text if 0 <= at < len(tokens) else ""

    if text(i - 1) == "case":
        return True
    left = i - 1
    while text(left) in ("=", "<", ">", "!"):
        left -= 1
    if left < i - 1 and text(left) == ")":  # a call's result: status(x) == 404
        left = opening(tokens, left) - 1
    if left < i - 1 and STATUS_NAME.search(text(left)):
        return True
    right = i + 1
    while text(right) in ("=", "<", ">", "!"):
        right += 1
    while right > i + 1 and text(right + 1) in (".", "->"):
        right += 2
    if right > i + 1 and STATUS_NAME.search(text(right)):
        return True
    if text(i - 1) == "," and text(i - 2).startswith(("ERR_", "HTTP_")):
        return True
    if text(i - 1) == "{" and text(i + 1) == "," and text(i + 2).startswith(("ERR_", "STATUS_", "HTTP_")):
        return True
    if text(i - 1) in ("(", ","):
        start = opening(tokens, i)
        return start > 0 and re.match(r"(reply|respond|answer)|\w*(_status|http_error)$", text(start - 1)) is not None
    return False


def opening(tokens, i):
    """The index of the bracket that is open around, or closed at, `i`; 0 if there is none."""
    depth = 0 if tokens[i].text == ")" else 1
    while i > 0:
        if tokens[i].text == ")":
            depth += 1
        elif tokens[i].text == "(":
            depth -= 1
            if depth == 0:
                return i
        elif tokens[i].text in (";", "{", "}"):
            return 0
        i -= 1
    return 0


def check_shape(source, lengths):
    if source.lines > FILE_LINES_MAX:
        yield source.name, FILE_LINES_MAX + 1, f"{source.lines} lines; at most {FILE_LINES_MAX}"
    if not source.tokens or source.tokens[0].kind != "comment":
        yield source.name, 1, "does not open with a comment that says what it is responsible for"
    for name, line, length in source.functions():
        if name is None:
            yield source.name, line, "braces do not balance (one side of an #if?)"
        else:
            lengths.append(length)
            if length > FUNCTION_LINES_MAX:
                yield source.name, line, f"{name}() has {length} lines; at most {FUNCTION_LINES_MAX}"


def check_guard(source):
    if not source.name.startswith("include/") or not source.name.endswith(".h"):
        return
    guard = re.sub(r"\W", "_", source.name.removeprefix("include/")).upper()
    texts = [re.sub(r"\s+", " ", text).strip() for text, _ in source.directives()]
    if texts[:2] != [f"#ifndef {guard}", f"#define {guard}"] or texts[-1:] != ["#endif"]:
        yield source.name, 1, f"needs the include guard {guard}"
