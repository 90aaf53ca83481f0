/* Reading RESP commands, and answering by a table of scripts. A hash is the script's number. */
#include "redis_fake.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INPUT_MAX = 1 << 20, WORDS_MAX = 3 };

static const struct redis_script *const *scripts;
static struct redis_lie lie;

static void say(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = write(fd, bytes, n);
        if (sent <= 0)
            _exit(1);
        bytes += sent;
        n -= (size_t)sent;
    }
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

static size_t number_of(struct str lua)
{
    size_t i = 0;
    while (scripts[i] != NULL && !str_eq(lua, str_of(scripts[i]->lua)))
        i++;
    assert(scripts[i] != NULL);
    return i;
}

static size_t load(struct str lua, char out[64])
{
    return (size_t)snprintf(out, 64, "$40\r\n%040zu\r\n", number_of(lua));
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

static void answer(int fd, const struct str words[WORDS_MAX])
{
    static const char subscribed[] = "*3\r\n$9\r\nsubscribe\r\n$17\r\nposthorn:{q}:wake\r\n:1\r\n";
    struct str name = words[0];
    char text[128];
    size_t size;

    if (str_eq(name, STR_LIT("EVALSHA"))) {
        const struct redis_script *script = scripts[strtoul(words[1].p, NULL, 10)];
        name = str_of(script->name);
        size = answer_script(script->reply, text);
    } else if (str_eq(name, STR_LIT("SCRIPT"))) {
        size = load(words[2], text);
    } else if (str_eq(name, STR_LIT("SUBSCRIBE"))) {
        size = (size_t)snprintf(text, sizeof text, "%s", subscribed);
    } else {
        size = (size_t)snprintf(text, sizeof text, "+PONG\r\n");
    }
    bool lies = lie.command != NULL && str_eq(name, str_of(lie.command));
    if (!lies || lie.after)
        say(fd, text, size);
    if (lies)
        say(fd, lie.bytes, lie.size);
    if (lies && lie.hangs_up)
        _exit(0);
}

static void serve(int fd)
{
    static char input[INPUT_MAX + 1];
    struct str words[WORDS_MAX] = {{NULL, 0}};
    size_t n = 0, used;

    for (ssize_t got; (got = read(fd, input + n, INPUT_MAX - n)) > 0;) {
        n += (size_t)got;
        input[n] = '\0';
        while ((used = read_command(input, n, words)) > 0) {
            answer(fd, words);
            n -= used;
            memmove(input, input + used, n + 1);
        }
    }
    _exit(0);
}

void redis_fake_start(struct redis_fake *fake, const char *folder,
                      const struct redis_script *const *known, const struct redis_lie *told)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(fake->path, sizeof fake->path, "%s/fake.sock", folder);
    snprintf(fake->url, sizeof fake->url, "unix://%s", fake->path);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", fake->path);
    unlink(fake->path);
    int bad = bind(listener, (struct sockaddr *)&address, sizeof address);
    bad |= listen(listener, 10);
    assert(bad == 0);
    scripts = known;
    lie = *told;
    fake->pid = fork();
    assert(fake->pid >= 0);
    if (fake->pid == 0)
        for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd))
            if (fork() == 0)
                serve(fd);
    close(listener);
}

void redis_fake_stop(struct redis_fake *fake)
{
    kill(fake->pid, SIGKILL);
    waitpid(fake->pid, NULL, 0);
    unlink(fake->path);
}
