/* Reading RESP commands, and answering by a table of scripts. A hash is the script's number. */
#include "redis_fake.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { INPUT_MAX = 1 << 20, WORDS_MAX = 3 };

/* One accepted connection, on a thread of its own. */
struct peer {
    struct redis_fake *fake;
    int fd;
};

static bool say(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Reads a command off the front and its first words; 0: it is not whole, else its bytes. */
static size_t read_command(const char *p, size_t n, struct str words[WORDS_MAX])
{
    size_t at = 0;
    char *next;
    long count = n > 0 && memchr(p, '\n', n) != NULL ? strtol(p + 1, &next, 10) : 0;

    for (long i = -1; i < count; i++) {
        const char *line = memchr(p + at, '\n', n - at);
        if (count == 0 || line == NULL)
            return 0;
        size_t size = i < 0 ? 0 : (size_t)strtol(p + at + 1, &next, 10);
        at = (size_t)(line + 1 - p);
        if (n - at < size + (i < 0 ? 0 : 2))
            return 0;
        if (i >= 0 && i < WORDS_MAX)
            words[i] = (struct str){p + at, size};
        at += i < 0 ? 0 : size + 2;
    }
    return at;
}

static size_t number_of(const struct redis_fake *fake, struct str lua)
{
    size_t i = 0;
    while (fake->scripts[i] != NULL && !str_eq(lua, str_of(fake->scripts[i]->lua)))
        i++;
    assert(fake->scripts[i] != NULL);
    return i;
}

static size_t load(const struct redis_fake *fake, struct str lua, char out[64])
{
    return (size_t)snprintf(out, 64, "$40\r\n%040zu\r\n", number_of(fake, lua));
}

/* The least that has the shape. */
static size_t answer_script(const char *shape, char out[64])
{
    char *end = out;

    if (shape[1] != '\0')
        end += snprintf(end, 16, "*%zu\r\n", strlen(shape));
    for (; *shape != '\0'; shape++)
        end += snprintf(end, 16, "%s", *shape == 'i' ? ":0\r\n" : "$0\r\n\r\n");
    return (size_t)(end - out);
}

/* False: it is over. */
static bool answer(const struct peer *peer, const struct str words[WORDS_MAX])
{
    static const char subscribed[] = "*3\r\n$9\r\nsubscribe\r\n$17\r\nposthorn:{q}:wake\r\n:1\r\n";
    const struct redis_lie *lie = &peer->fake->lie;
    struct str name = words[0];
    char text[128];
    size_t size;

    if (str_eq(name, STR_LIT("EVALSHA"))) {
        const struct redis_script *script = peer->fake->scripts[strtoul(words[1].p, NULL, 10)];
        name = str_of(script->name);
        size = answer_script(script->reply, text);
    } else if (str_eq(name, STR_LIT("SCRIPT"))) {
        size = load(peer->fake, words[2], text);
    } else if (str_eq(name, STR_LIT("SUBSCRIBE"))) {
        size = (size_t)snprintf(text, sizeof text, "%s", subscribed);
    } else {
        size = (size_t)snprintf(text, sizeof text, "+PONG\r\n");
    }
    bool lies = lie->command != NULL && str_eq(name, str_of(lie->command));
    return ((lies && !lie->after) || say(peer->fd, text, size)) &&
           (!lies || (say(peer->fd, lie->bytes, lie->size) && !lie->hangs_up));
}

static void *serve(void *arg)
{
    struct peer *peer = arg;
    char *input = xcalloc(1, INPUT_MAX + 1);
    struct str words[WORDS_MAX] = {{NULL, 0}};
    size_t n = 0, used;
    bool good = true;

    for (ssize_t got; good && (got = read(peer->fd, input + n, INPUT_MAX - n)) > 0;) {
        n += (size_t)got;
        input[n] = '\0';
        while (good && (used = read_command(input, n, words)) > 0) {
            good = answer(peer, words);
            n -= used;
            memmove(input, input + used, n + 1);
        }
    }
    close(peer->fd);
    peer->fake->peers--;
    free(input);
    free(peer);
    return NULL;
}

static void *listen_on(void *arg)
{
    struct redis_fake *fake = arg;
    pthread_t thread;

    for (int fd; (fd = accept(fake->listener, NULL, NULL)) >= 0;) {
        struct peer *peer = xcalloc(1, sizeof *peer);
        *peer = (struct peer){fake, fd};
        fake->peers++;
        int bad = pthread_create(&thread, NULL, serve, peer);
        assert(bad == 0);
        pthread_detach(thread);
    }
    return NULL;
}

void redis_fake_start(struct redis_fake *fake, const char *folder,
                      const struct redis_script *const *scripts, const struct redis_lie *lie)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    *fake = (struct redis_fake){.scripts = scripts, .lie = *lie};
    snprintf(fake->path, sizeof fake->path, "%s/fake.sock", folder);
    snprintf(fake->url, sizeof fake->url, "unix://%s", fake->path);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", fake->path);
    unlink(fake->path);
    fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int bad = bind(fake->listener, (struct sockaddr *)&address, sizeof address);
    bad |= listen(fake->listener, 10);
    bad |= pthread_create(&fake->thread, NULL, listen_on, fake);
    assert(bad == 0);
}

void redis_fake_stop(struct redis_fake *fake)
{
    shutdown(fake->listener, SHUT_RDWR);
    pthread_join(fake->thread, NULL);
    close(fake->listener);
    while (fake->peers > 0) /* they end with their connections */
        usleep(100);
    unlink(fake->path);
}
