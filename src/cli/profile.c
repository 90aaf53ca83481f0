/* The profile file, the environment and the flags that say where the API is. */
#include "profile.h"

#include "show.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX 65536

/* --- values ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t offset;
} members[] = {
    {"url", offsetof(struct profile, url)},
    {"key", offsetof(struct profile, key)},
    {"app", offsetof(struct profile, app)},
    {"ca_file", offsetof(struct profile, ca_file)},
};

/* False: it is too long, or would end the request's line. */
static bool set(char *value, struct str text)
{
    if (text.n > PROFILE_VALUE_MAX)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
            return false;
    memcpy(value, text.p, text.n);
    value[text.n] = '\0';
    return true;
}

/* NULL or "" is nothing. */
static bool set_from(char *value, const char *text, const char *where)
{
    if (text == NULL || text[0] == '\0' || set(value, str_of(text)))
        return true;
    show_error("%s has a control character, or is longer than %d bytes", where, PROFILE_VALUE_MAX);
    return false;
}

/* --- the file --------------------------------------------------------------------------------- */

static bool path_of(char *path, size_t size)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int n = -1;

    if (config != NULL && config[0] == '/')
        n = snprintf(path, size, "%s/posthorn/profile", config);
    else if (home != NULL && home[0] == '/')
        n = snprintf(path, size, "%s/.config/posthorn/profile", home);
    return n > 0 && (size_t)n < size;
}

/* A secret that others can read is none. */
static bool is_private(int fd, const char *path)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        show_error("%s is not a file", path);
        return false;
    }
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return true;
    show_error("%s has a key in it, and others can get at it (mode %03o): chmod 600 %s", path,
               (unsigned)(st.st_mode & 0777), path);
    return false;
}

/* 1: `text` is the file's; 0: there is none; -1: it cannot be used, which was said. */
static int read_file(const char *path, char text[FILE_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = -1;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (fd >= 0 && is_private(fd, path)) {
        n = read(fd, text, FILE_MAX);
        if (n >= FILE_MAX)
            show_error("%s is longer than %d bytes", path, FILE_MAX - 1);
    } else if (fd < 0) {
        show_error("%s cannot be read: %s", path, strerrordesc_np(errno));
    }
    if (fd >= 0)
        close(fd);
    if (n < 0 || n >= FILE_MAX)
        return -1;
    text[n] = '\0';
    return 1;
}

static bool read_line(struct profile *profile, struct str line, const char *path, int number)
{
    const char *equals = line.n > 0 ? memchr(line.p, '=', line.n) : NULL;
    struct str name, value;

    if (equals == NULL) {
        show_error("%s, line %d: must be name = value, or [section]", path, number);
        return false;
    }
    name = str_trim((struct str){line.p, (size_t)(equals - line.p)});
    value = str_trim((struct str){equals + 1, line.n - (size_t)(equals - line.p) - 1});
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (str_eq_text(name, members[i].name)) {
            if (set((char *)profile + members[i].offset, value))
                return true;
            show_error("%s, line %d: the value has a control character, or is longer than %d bytes",
                       path, number, PROFILE_VALUE_MAX);
            return false;
        }
    show_error("%s, line %d: there is no %.*s; there are url, key, app and ca_file", path, number,
               STR_FMT(name));
    return false;
}

/* Takes what stands in the section; "" is what stands before the first. */
static bool read_section(struct profile *profile, const char *section, struct str text,
                         const char *path)
{
    bool inside = section[0] == '\0', found = inside;
    struct str line;
    int number = 0;

    while (str_next(&text, '\n', &line)) {
        number++;
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        line = str_trim(line);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        if (line.p[0] == '[' && line.p[line.n - 1] == ']') {
            inside = str_eq_text(str_trim((struct str){line.p + 1, line.n - 2}), section);
            found = found || inside;
        } else if (inside && !read_line(profile, line, path, number)) {
            return false;
        }
    }
    if (!found)
        show_error("%s has no section [%s]", path, section);
    return found;
}

static bool load_file(struct profile *profile, const char *section, bool asked)
{
    static char text[FILE_MAX];
    char path[4096];
    int there = path_of(path, sizeof path) ? read_file(path, text) : 0;

    if (there < 0)
        return false;
    if (there > 0)
        return read_section(profile, section, str_of(text), path);
    if (asked)
        show_error(
            "there is no profile file: make ~/.config/posthorn/profile, mode 600, with a section "
            "[%s] that has url = … and key = …",
            section);
    return !asked;
}

/* --- all of it -------------------------------------------------------------------------------- */

static bool load_given(struct profile *profile, const struct cli *cli, bool environment)
{
    const char *flag;
    const struct {
        const char *flag, *variable;
        char *value;
    } given[] = {
        {"url", "POSTHORN_URL", profile->url},
        {"key", "POSTHORN_KEY", profile->key},
        {"app", "POSTHORN_APP", profile->app},
        {NULL, "POSTHORN_CA_FILE", profile->ca_file},
    };

    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        if (environment && !set_from(given[i].value, getenv(given[i].variable), given[i].variable))
            return false;
        if (given[i].flag == NULL || (flag = cli_flag(cli, given[i].flag)) == NULL)
            continue;
        given[i].value[0] = '\0';
        if (!set_from(given[i].value, flag, given[i].flag))
            return false;
    }
    return true;
}

/* What the file has goes where nothing was given, its key and its app only with its URL. */
static void fill(struct profile *profile, const struct profile *file)
{
    if (profile->ca_file[0] == '\0')
        memcpy(profile->ca_file, file->ca_file, sizeof profile->ca_file);
    if (profile->url[0] == '\0')
        memcpy(profile->url, file->url, sizeof profile->url);
    if (strcmp(profile->url, file->url) != 0)
        return;
    if (profile->key[0] == '\0') {
        memcpy(profile->key, file->key, sizeof profile->key);
        if (profile->app[0] == '\0')
            memcpy(profile->app, file->app, sizeof profile->app);
    }
}

static bool is_whole(const struct profile *profile)
{
    if (profile->url[0] == '\0')
        show_error(
            "where is the API? Set POSTHORN_URL (http://127.0.0.1:8080, say), or write url = … into "
            "~/.config/posthorn/profile, mode 600");
    else if (profile->key[0] == '\0')
        show_error("no key for %s: set POSTHORN_KEY, or write key = … below that url = … in "
                   "~/.config/posthorn/profile, mode 600",
                   profile->url);
    else
        return true;
    return false;
}

/* A profile that is asked for by a flag goes before the environment, whose key may be for another place. */
bool profile_load(struct profile *profile, const struct cli *cli)
{
    static struct profile file;
    const char *section = cli_flag(cli, "profile"), *variable = getenv("POSTHORN_PROFILE");
    bool flagged = section != NULL, asked = flagged || (variable != NULL && variable[0] != '\0');

    *profile = file = (struct profile){0};
    if (!load_given(profile, cli, !flagged))
        return false;
    if (section == NULL)
        section = asked ? variable : "";
    bool enough = profile->url[0] != '\0' && profile->key[0] != '\0';
    if ((asked || !enough) && !load_file(&file, section, asked))
        return false;
    fill(profile, &file);
    return is_whole(profile);
}

bool profile_is_set(void)
{
    const char *url = getenv("POSTHORN_URL");
    return url != NULL && url[0] != '\0';
}
