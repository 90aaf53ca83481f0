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
}

# A library's headers and the only files that may include them.
LIBRARIES = [
    (r"libpq|postgres_ext\.h|hiredis/|curl/|ares", r"(src|include)/io/", "only io/ may include it"),
    (r"h2o\.h|h2o/", r"src/api/(call|refusal|server)\.c", "only call.c, refusal.c and server.c of api/ may include it"),
    (r"uv\.h|uv/", r"(src|include)/io/", "only io/ may include it"),
    (
        r"json-c/|json\.h|json_object\.h|json_tokener\.h",
        r"(src|include)/core/",
        "only core/ may include it",
    ),
]

BANNED = "sprintf vsprintf strcpy strcat strtok atoi gets alloca rand localtime signal".split()

# libuv stays in io/, behind loop, timeout and watch; but h2o accepts connections on libuv's handles.
UV_HOLDERS = r"(src|include)/io/|src/api/(listener|server)\.[ch]$"

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
    for word, line, after, before in source.words():
        member = before in (".", "->")
        if word in BANNED and after == "(" and not member:
            yield source.name, line, f"calls {word}(), which is banned"
        if uv and word.startswith(("uv_", "UV_")) and not member:
            yield source.name, line, f"uses {word}: only io/ may"
        if core and not member and (after == "(" or word in ("FILE", "stdin", "stdout", "stderr", "environ")):
            if word in CLOCKS:
                yield source.name, line, f"calls {word}(): core/ is told the time"
            elif word in OUTSIDE:
                yield source.name, line, f"uses {word}: core/ does no I/O"


def check_strings(source, macros, tables):
    if not in_program(source) or source.name.startswith("src/store/"):
        return
    known = {**macros, **source.macros}
    for stream in source.streams():
        for text, line in joined_strings(stream, known):
            if sql.is_sql(text, tables):
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
