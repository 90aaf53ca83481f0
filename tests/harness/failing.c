/* Preloaded into a program, it makes the N-th call of a function fail as the outside makes it fail, once. The file that
 * FAILING names has three numbers: the function's place in the table below, how many calls of it still pass, and how
 * many failed (harness/failing.py). Of descriptors only sockets are meant: what the program writes elsewhere goes on.
 * Allocations are told apart by who asks for memory: the program, or one of its libraries. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum which {
    SEND,
    SENDMSG,
    RECV,
    READ,
    WRITE,
    WRITEV,
    SOCKET,
    CONNECT,
    ACCEPT4,
    PQ_SEND,
    PQ_CONSUME,
    PQ_FLUSH,
    PQ_SYNC,
    REDIS_APPEND,
    REDIS_READ,
    REDIS_WRITE,
    PQ_CONNECT,
    PQ_POLL,
    PQ_NONBLOCKING,
    PQ_PIPELINE,
    PQ_SESSION,
    PQ_PREPARE,
    REDIS_CONNECT,
    REDIS_SAY,
    REDIS_REPLY,
    CURL_INIT,
    CURL_SET,
    CURL_ADD,
    CURL_ACTION,
    CURL_URL,
    CURL_URL_SET,
    CURL_URL_GET,
    MEMORY_PROGRAM,
    MEMORY_LIBPQ,
    MEMORY_LIBHIREDIS,
    MEMORY_LIBCURL,
    MEMORY_LIBSSL,
    MEMORY_LIBCRYPTO,
    MEMORY_LIBCARES,
    MEMORY_LIBJSON,
    MEMORY_LIBH2O,
    WHICH_COUNT,
};

/* A part of each library's file name. */
static const char *const askers[WHICH_COUNT] = {
    [MEMORY_PROGRAM] = "",
    [MEMORY_LIBPQ] = "/libpq.",
    [MEMORY_LIBHIREDIS] = "/libhiredis.",
    [MEMORY_LIBCURL] = "/libcurl.",
    [MEMORY_LIBSSL] = "/libssl.",
    [MEMORY_LIBCRYPTO] = "/libcrypto.",
    [MEMORY_LIBCARES] = "/libcares.",
    [MEMORY_LIBJSON] = "/libjson-c.",
    [MEMORY_LIBH2O] = "/libh2o.",
};

struct state {
    atomic_long which, left, failed;
};

static struct state *state;

/* Where the code of each asker is. */
static struct {
    uintptr_t from, to;
} code[WHICH_COUNT];

static int find_code(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size, (void)arg;
    for (int which = MEMORY_PROGRAM; which < WHICH_COUNT; which++) {
        bool program = askers[which][0] == '\0';
        if (program ? info->dlpi_name[0] != '\0' : strstr(info->dlpi_name, askers[which]) == NULL)
            continue;
        for (int i = 0; i < info->dlpi_phnum; i++) {
            const ElfW(Phdr) *part = &info->dlpi_phdr[i];
            if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0)
                continue;
            code[which].from = info->dlpi_addr + part->p_vaddr;
            code[which].to = code[which].from + part->p_memsz;
        }
    }
    return 0;
}

__attribute__((constructor)) static void map_file(void)
{
    const char *path = getenv("FAILING");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *p =
        fd >= 0 ? mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (fd >= 0)
        close(fd);
    if (p == MAP_FAILED)
        abort();
    state = p;
    dl_iterate_phdr(find_code, NULL);
}

static bool fails(enum which which)
{
    if (state == NULL || state->which != (long)which || state->left < 0 ||
        atomic_fetch_sub(&state->left, 1) != 0)
        return false;
    state->failed++;
    return true;
}

static bool is_socket(int fd)
{
    int type, saved = errno;
    socklen_t size = sizeof type;
    bool socket = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
    errno = saved;
    return socket;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A call whose first argument is a descriptor. */
#define DESCRIPTOR(type, name, which, error, parameters, arguments) \
    type name parameters                                            \
    {                                                               \
        if (is_socket(fd) && fails(which)) {                        \
            errno = error;                                          \
            return -1;                                              \
        }                                                           \
        return NEXT(name) arguments;                                \
    }

DESCRIPTOR(ssize_t, send, SEND, ECONNRESET, (int fd, const void *p, size_t n, int flags),
           (fd, p, n, flags))
DESCRIPTOR(ssize_t, sendmsg, SENDMSG, ECONNRESET, (int fd, const struct msghdr *m, int flags),
           (fd, m, flags))
DESCRIPTOR(ssize_t, recv, RECV, ECONNRESET, (int fd, void *p, size_t n, int flags),
           (fd, p, n, flags))
DESCRIPTOR(ssize_t, read, READ, ECONNRESET, (int fd, void *p, size_t n), (fd, p, n))
DESCRIPTOR(ssize_t, write, WRITE, EPIPE, (int fd, const void *p, size_t n), (fd, p, n))
DESCRIPTOR(ssize_t, writev, WRITEV, EPIPE, (int fd, const struct iovec *v, int n), (fd, v, n))
DESCRIPTOR(int, connect, CONNECT, ENETUNREACH, (int fd, const struct sockaddr *a, socklen_t n),
           (fd, a, n))
DESCRIPTOR(int, accept4, ACCEPT4, EMFILE, (int fd, struct sockaddr *a, socklen_t *n, int flags),
           (fd, a, n, flags))

int socket(int domain, int type, int protocol)
{
    if (fails(SOCKET)) {
        errno = EMFILE;
        return -1;
    }
    return NEXT(socket)(domain, type, protocol);
}

/* A library's call that answers `failure`. What it is given does not matter here: eight words cover them. */
#define LIBRARY(name, which, failure)                                          \
    long name(long a, long b, long c, long d, long e, long f, long g, long h); \
    long name(long a, long b, long c, long d, long e, long f, long g, long h)  \
    {                                                                          \
        if (fails(which))                                                      \
            return failure;                                                    \
        return (int)NEXT(name)(a, b, c, d, e, f, g, h);                        \
    }

/* One that makes something, or fails to. */
#define MAKER(name, which)                                \
    void *name(long a, long b, long c);                   \
    void *name(long a, long b, long c)                    \
    {                                                     \
        return fails(which) ? NULL : NEXT(name)(a, b, c); \
    }

LIBRARY(PQsendQueryPrepared, PQ_SEND, 0)
LIBRARY(PQconsumeInput, PQ_CONSUME, 0)
LIBRARY(PQflush, PQ_FLUSH, -1)
LIBRARY(PQpipelineSync, PQ_SYNC, 0)
LIBRARY(PQconnectPoll, PQ_POLL, 0)
LIBRARY(PQsetnonblocking, PQ_NONBLOCKING, -1)
LIBRARY(PQenterPipelineMode, PQ_PIPELINE, 0)
LIBRARY(PQsendQueryParams, PQ_SESSION, 0)
LIBRARY(PQsendPrepare, PQ_PREPARE, 0)
MAKER(PQconnectStartParams, PQ_CONNECT)

LIBRARY(redisAppendFormattedCommand, REDIS_APPEND, -1)
LIBRARY(redisAppendCommandArgv, REDIS_SAY, -1)
LIBRARY(redisBufferRead, REDIS_READ, -1)
LIBRARY(redisBufferWrite, REDIS_WRITE, -1)
LIBRARY(redisGetReply, REDIS_REPLY, -1)
MAKER(redisConnectNonBlock, REDIS_CONNECT)

/* CURLE_OUT_OF_MEMORY, CURLM_OUT_OF_MEMORY, CURLUE_OUT_OF_MEMORY. */
LIBRARY(curl_easy_setopt, CURL_SET, 27)
LIBRARY(curl_multi_add_handle, CURL_ADD, 3)
LIBRARY(curl_multi_socket_action, CURL_ACTION, 3)
LIBRARY(curl_url_set, CURL_URL_SET, 7)
LIBRARY(curl_url_get, CURL_URL_GET, 7)
MAKER(curl_easy_init, CURL_INIT)
MAKER(curl_url, CURL_URL)

/* --- memory ----------------------------------------------------------------------------------- */

static bool is_refused(const void *caller)
{
    long which = state != NULL ? atomic_load(&state->which) : -1;
    uintptr_t at = (uintptr_t)caller;

    if (which < MEMORY_PROGRAM || at < code[which].from || at >= code[which].to)
        return false;
    if (!fails((enum which)which))
        return false;
    errno = ENOMEM;
    return true;
}

#define ALLOCATION(type, name, parameters, arguments)                           \
    type name parameters                                                        \
    {                                                                           \
        static __typeof__(&name) next;                                          \
        if (next == NULL)                                                       \
            next = NEXT(name);                                                  \
        return is_refused(__builtin_return_address(0)) ? NULL : next arguments; \
    }

ALLOCATION(void *, malloc, (size_t n), (n))
ALLOCATION(void *, calloc, (size_t count, size_t n), (count, n))
ALLOCATION(void *, realloc, (void *p, size_t n), (p, n))
ALLOCATION(char *, strdup, (const char *s), (s))
ALLOCATION(char *, strndup, (const char *s, size_t n), (s, n))
