/* The points are a few hundreds at most, so what was come to is a list that is searched. */
#include "base/crash.h"

#ifdef POSTHORN_CRASH_POINTS

#include "base/defs.h"
#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POINTS_MAX 512
#define POINT_SIZE 96

static struct {
    pthread_once_t once;
    pthread_mutex_t lock;
    char name[POINT_SIZE]; /* that is waited for */
    long left;
    enum { KILL, STOP, FAIL } how;
    int fd; /* of the file, or -1 */
    char *seen[POINTS_MAX];
    size_t count;
} crash = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static void read_environment(void)
{
    const char *path = getenv("CRASH_POINTS"), *asked = getenv("CRASH_POINT");

    if (path != NULL)
        crash.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    crash.left = 1;
    if (asked == NULL)
        return;
    size_t n = strcspn(asked, ":");
    char *rest = NULL;
    if (asked[n] == ':')
        crash.left = strtol(asked + n + 1, &rest, 10);
    const char *how = rest != NULL && *rest == ':' ? rest + 1 : "kill";
    if (n >= POINT_SIZE || strchr("ksf", how[0]) == NULL) {
        fprintf(stderr, "posthorn: CRASH_POINT is a name, a number and kill, stop or fail\n");
        abort();
    }
    memcpy(crash.name, asked, n);
    crash.how = how[0] == 'k' ? KILL : how[0] == 's' ? STOP : FAIL;
}

static void note(const char *name, bool may_fail)
{
    char line[POINT_SIZE + 4];

    for (size_t i = 0; i < crash.count; i++)
        if (strcmp(crash.seen[i], name) == 0)
            return;
    if (crash.count == POINTS_MAX)
        abort();
    crash.seen[crash.count++] = xstrdup(name);
    int n = snprintf(line, sizeof line, "%s%s\n", name, may_fail ? " ?" : "");
    if (write(crash.fd, line, (size_t)n) != n)
        abort();
}

bool crash_point(const char *of, const char *when, bool may_fail)
{
    char name[POINT_SIZE];

    pthread_once(&crash.once, read_environment);
    snprintf(name, sizeof name, "%s.%s", of, when);
    pthread_mutex_lock(&crash.lock);
    if (crash.fd >= 0)
        note(name, may_fail);
    bool here = strcmp(name, crash.name) == 0 && --crash.left == 0;
    pthread_mutex_unlock(&crash.lock);
    if (here && (may_fail || crash.how != FAIL))
        log_warn("crash_point", "name=%s", name);
    if (here && crash.how != FAIL)
        kill(getpid(), crash.how == KILL ? SIGKILL : SIGSTOP);
    return here && may_fail && crash.how == FAIL;
}

#endif
