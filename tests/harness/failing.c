/* Preloaded into a program, it makes the N-th call of a function fail as the outside makes it fail, once. The file that
 * FAILING names has three numbers: the function's place in the table below, how many calls of it still pass, and how
 * many failed (harness/failing.py). Only sockets are meant: what the program writes elsewhere goes on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
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
};

struct state {
    atomic_long which, left, failed;
};

static struct state *state;

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

/* A library's call that answers `failure`. What it is given does not matter here: six words cover them. */
#define LIBRARY(name, which, failure)                                                 \
    long name(long a, long b, long c, long d, long e, long f, long g);                \
    long name(long a, long b, long c, long d, long e, long f, long g)                 \
    {                                                                                 \
        return fails(which) ? (failure) : (long)(int)NEXT(name)(a, b, c, d, e, f, g); \
    }

LIBRARY(PQsendQueryPrepared, PQ_SEND, 0)
LIBRARY(PQconsumeInput, PQ_CONSUME, 0)
LIBRARY(PQflush, PQ_FLUSH, -1)
LIBRARY(PQpipelineSync, PQ_SYNC, 0)
LIBRARY(redisAppendFormattedCommand, REDIS_APPEND, -1)
LIBRARY(redisBufferRead, REDIS_READ, -1)
LIBRARY(redisBufferWrite, REDIS_WRITE, -1)
