/* Bodies of requests. */
#include "body.h"

#include "base/json.h"
#include "base/jsonw.h"
#include "show.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool read_all(struct buf *out, int fd, const char *what)
{
    for (;;) {
        char *room = buf_room(out, 65536);
        if (room == NULL) {
            show_error("%s is longer than %zu MiB", what, BODY_MAX >> 20);
            return false;
        }
        ssize_t n = read(fd, room, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            show_error("%s cannot be read: %s", what, strerrordesc_np(errno));
        if (n <= 0)
            return n == 0;
        buf_added(out, (size_t)n);
    }
}

static bool read_file(struct buf *out, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = false;

    if (fd < 0)
        show_error("%s cannot be read: %s", path, strerrordesc_np(errno));
    else
        ok = read_all(out, fd, path);
    if (fd >= 0)
        close(fd);
    return ok;
}

static int line_of(struct str text, size_t offset)
{
    int line = 1;
    for (size_t i = 0; i < offset && i < text.n; i++)
        line += text.p[i] == '\n';
    return line;
}

bool body_read_bytes(struct buf *out, const char *given)
{
    if (strcmp(given, "-") == 0)
        return read_all(out, STDIN_FILENO, "standard input");
    if (given[0] == '@')
        return read_file(out, given + 1);
    buf_add_text(out, given);
    return true;
}

bool body_read(struct buf *out, const char *flag, const char *given)
{
    struct json_error error;

    if (!body_read_bytes(out, given))
        return false;
    if (json_check(buf_str(out), JSON_DEPTH_MAX, &error) == 0)
        return true;
    show_error("--%s is not JSON: %s (line %d, byte %zu)", flag, error.message,
               line_of(buf_str(out), error.offset), error.offset + 1);
    return false;
}

static bool add_json(struct jsonw *w, const char *key, const struct flag *flag, const char *value)
{
    struct buf json;

    buf_init(&json, BODY_MAX);
    bool ok = body_read(&json, flag->name, value);
    if (ok)
        jsonw_raw(w, key, buf_str(&json));
    buf_fini(&json);
    return ok;
}

static void add_list(struct jsonw *w, const char *key, const char *value)
{
    struct str rest = str_of(value), element;

    jsonw_begin(w, key, '[');
    while (str_next(&rest, ',', &element))
        jsonw_str(w, NULL, str_trim(element));
    jsonw_end(w, ']');
}

static bool add_member(struct jsonw *w, const struct flag *flag, const char *value)
{
    char key[FLAG_NAME_SIZE];

    flag_api_name(flag, key);
    if (!str_is_utf8(str_of(value))) {
        show_error("--%s is not UTF-8", flag->name);
        return false;
    }
    if (flag->kind == FLAG_JSON)
        return add_json(w, key, flag, value);
    if (flag->kind == FLAG_SWITCH)
        jsonw_bool(w, key, true);
    else if (flag->kind == FLAG_NUMBER || flag->kind == FLAG_BOOL)
        jsonw_raw(w, key, str_of(value));
    else if (flag->kind == FLAG_LIST)
        add_list(w, key, value);
    else
        jsonw_text(w, key, value);
    return true;
}

static const char *data_of(const struct cli *cli)
{
    for (size_t i = 0; i < cli->command->flag_count; i++)
        if (strcmp(cli->command->flags[i].name, "data") == 0 &&
            cli->command->flags[i].place == FLAG_OWN)
            return cli_flag(cli, "data");
    return NULL;
}

bool body_of_flags(struct buf *out, const struct cli *cli)
{
    struct jsonw w = jsonw_on(out);
    const char *data = data_of(cli);
    bool begun = false;

    if (data != NULL && !body_read(out, "data", data))
        return false;
    for (size_t i = 0; i < cli->command->flag_count; i++) {
        const struct flag *flag = &cli->command->flags[i];
        const char *value = flag->place == FLAG_MEMBER ? cli_flag(cli, flag->name) : NULL;
        if (value == NULL)
            continue;
        if (data != NULL) {
            show_error("--data is the whole body: it has what --%s says, or not at all",
                       flag->name);
            return false;
        }
        if (!begun)
            jsonw_begin(&w, NULL, '{');
        begun = true;
        if (!add_member(&w, flag, value))
            return false;
    }
    if (begun)
        jsonw_end(&w, '}');
    return true;
}
