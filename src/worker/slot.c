/* The identity under which a worker leases. It is a Unix socket in the abstract namespace: the
 * kernel lets one process bind a name and frees it when that process is gone, which is the proof of
 * death that taking over its leases needs. Boot and network namespace are in the name and in the
 * owner number, so no other machine or container has the same. */
#include "slot.h"

#include "base/crypto.h"
#include "base/err.h"
#include "base/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SLOTS_MAX 1024

static int64_t digest(const char *database_url, int index)
{
    char boot[64] = "", text[32];
    uint8_t hash[SHA256_SIZE];
    struct stat netns = {0};
    struct buf b;
    int64_t number;

    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, boot, sizeof boot - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (n <= 0) /* without it, owners of two machines could be the same: take nothing over */
        crypto_random(boot, sizeof boot - 1);
    if (n <= 0 && index == 0)
        log_warn("slot_unknown",
                 "reason=\"/proc/sys/kernel/random/boot_id cannot be read: what this worker has in "
                 "hand when it is killed waits for the end of its lease\"");
    int missing = stat("/proc/self/ns/net", &netns);
    (void)missing;
    snprintf(text, sizeof text, " %ju %d ", (uintmax_t)netns.st_ino, index);
    buf_init(&b, 4096);
    buf_add(&b, boot, sizeof boot);
    buf_add_text(&b, text);
    buf_add_text(&b, database_url);
    crypto_sha256(buf_str(&b), hash);
    buf_fini(&b);
    memcpy(&number, hash, sizeof number);
    return number;
}

static int bind_name(int64_t owner)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int n = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "posthorn-slot-%016" PRIx64,
                     (uint64_t)owner);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&name, size) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

int slot_open(struct slot *slot, const char *database_url)
{
    for (int i = 0; i < SLOTS_MAX; i++) {
        slot->owner = digest(database_url, i);
        slot->fd = bind_name(slot->owner);
        if (slot->fd >= 0)
            return 0;
    }
    log_error("slot_failed", "tried=%d", SLOTS_MAX);
    return ERR_INTERNAL;
}

void slot_close(struct slot *slot)
{
    if (slot->fd >= 0)
        close(slot->fd);
    slot->fd = -1;
}
