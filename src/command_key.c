/* posthorn key create|list|revoke: keys without a key, for who has the database. */
#include "command_app.h"
#include "commands.h"

#include "base/err.h"
#include "core/key.h"
#include "store/keys.h"

#include <getopt.h>
#include <stdio.h>

#define NAME_BYTES_MAX 100

static const char usage[] =
    "usage: posthorn key create --name NAME --scope read|publish|write|admin "
    "[--app ID|UID]\n"
    "       posthorn key list\n"
    "       posthorn key revoke ID\n";

static int wrong_usage(void)
{
    fputs(usage, stderr);
    return 2;
}

/* --- create ----------------------------------------------------------------------------------- */

struct new_key {
    const char *app;
    struct key key;
    struct buf text;
};

static void on_created(void *arg, int err, const struct db_rows *rows)
{
    struct command_run *run = arg;
    struct new_key *new = run->arg;

    (void)rows;
    if (err == ERR_INVALID) /* the app was deleted in between */
        command_app_missing(run, new->app);
    if (command_failed(run, err))
        return;
    printf("%s\n", buf_text(&new->text));
    command_end(run, 0);
}

static void on_app(void *arg, int err, const struct db_rows *rows)
{
    struct command_run *run = arg;
    struct new_key *new = run->arg;

    if (!command_app_read(run, new->app, err, rows, &new->key.app))
        return;
    new->key.requests = -1;
    new->key.has_app = new->key.scope != SCOPE_ADMIN;
    struct deed deed = {.action = AUDIT_KEY_CREATE,
                        .actor = AUDIT_BY_COMMAND,
                        .fields = {"name", "scope", "app_id"},
                        .field_count = new->key.has_app ? 3 : 2};
    keys_insert(run->db, &new->key, &deed, on_created, run);
}

static void start_create(struct command_run *run)
{
    const struct new_key *new = run->arg;

    command_app_find(run, new->app, on_app);
}

static int create(const struct settings *settings, struct new_key *new)
{
    uint8_t hash[SHA256_SIZE];

    new->key.id = id_new();
    new->key.hash = (struct str){(const char *)hash, sizeof hash};
    buf_init(&new->text, KEY_TEXT_MAX);
    key_make(settings->key_checks[0], new->key.id, &new->text, hash);
    int status = command_run(settings, start_create, new);
    crypto_forget(&new->text);
    return status;
}

static int scope_of(const char *name)
{
    for (int i = 0; key_scope_names[i] != NULL; i++)
        if (strcmp(name, key_scope_names[i]) == 0)
            return i;
    return -1;
}

static int key_create(const struct settings *settings, int argc, char **argv)
{
    static const struct option options[] = {{"name", required_argument, NULL, 'n'},
                                            {"scope", required_argument, NULL, 's'},
                                            {"app", required_argument, NULL, 'a'},
                                            {NULL, 0, NULL, 0}};
    const char *name = NULL, *scope = NULL;
    struct new_key new = {.app = "default"};
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'n')
            name = optarg;
        else if (c == 's')
            scope = optarg;
        else if (c == 'a')
            new.app = optarg;
        else
            return wrong_usage();
    }
    if (name == NULL || scope == NULL || optind != argc)
        return wrong_usage();
    new.key.name = str_of(name);
    new.key.scope = scope_of(scope);
    if (new.key.scope < 0) {
        fputs("posthorn: --scope must be read, publish, write or admin\n", stderr);
        return 1;
    }
    if (new.key.name.n < 1 || new.key.name.n > NAME_BYTES_MAX || !str_is_utf8(new.key.name)) {
        fputs("posthorn: --name must be 1 to 100 bytes of UTF-8\n", stderr);
        return 1;
    }
    return create(settings, &new);
}

/* --- list ------------------------------------------------------------------------------------- */

static void on_list(void *arg, int err, const struct db_rows *rows)
{
    enum { ID, SCOPE, APP, APP_UID, NAME };
    struct command_run *run = arg;
    char text[ID_TEXT_SIZE], app_text[ID_TEXT_SIZE];

    if (command_failed(run, err))
        return;
    for (int i = 0; i < db_count(rows); i++) {
        struct str app = db_null(rows, i, APP)
                             ? STR_LIT("-")
                             : str_of(id_text(app_text, ID_APP, db_id(rows, i, APP)));
        if (!db_null(rows, i, APP_UID))
            app = db_str(rows, i, APP_UID);
        printf("%s %s %.*s %.*s\n", id_text(text, ID_KEY, db_id(rows, i, ID)),
               str_name(key_scope_names, db_i64(rows, i, SCOPE)), STR_FMT(app),
               STR_FMT(db_str(rows, i, NAME)));
    }
    command_end(run, 0);
}

static void start_list(struct command_run *run)
{
    keys_list_all(run->db, on_list, run);
}

static int key_list(const struct settings *settings, int argc, char **argv)
{
    (void)argv;
    return argc == 1 ? command_run(settings, start_list, NULL) : wrong_usage();
}

/* --- revoke ----------------------------------------------------------------------------------- */

struct revoked {
    const char *text;
    struct id id;
};

static void on_revoked(void *arg, int err, const struct db_rows *rows)
{
    struct command_run *run = arg;
    const struct revoked *revoked = run->arg;

    if (err == 0 && db_count(rows) == 0)
        command_fail(run, "no such key: %s", revoked->text);
    if (!command_failed(run, err))
        command_end(run, 0);
}

static void start_revoke(struct command_run *run)
{
    const struct revoked *revoked = run->arg;
    static const struct deed deed = {.action = AUDIT_KEY_REVOKE, .actor = AUDIT_BY_COMMAND};
    keys_delete(run->db, revoked->id, &deed, on_revoked, run);
}

static int key_revoke(const struct settings *settings, int argc, char **argv)
{
    struct revoked revoked;

    if (argc != 2)
        return wrong_usage();
    revoked.text = argv[1];
    if (!id_parse(str_of(argv[1]), ID_KEY, &revoked.id)) {
        fprintf(stderr, "posthorn: no such key: %s\n", argv[1]);
        return 1;
    }
    return command_run(settings, start_revoke, &revoked);
}

struct action {
    const char *name;
    int (*run)(const struct settings *settings, int argc, char **argv);
};

static const struct action actions[] = {
    {"create", key_create}, {"list", key_list}, {"revoke", key_revoke}};

int command_key(const struct settings *settings, int argc, char **argv)
{
    for (size_t i = 0; i < ARRAY_LEN(actions) && argc > 1; i++)
        if (strcmp(argv[1], actions[i].name) == 0)
            return actions[i].run(settings, argc - 1, argv + 1);
    return wrong_usage();
}
