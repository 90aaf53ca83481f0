/* posthorn key create|list|revoke: keys without a key, for who has the database. */
#include "commands.h"

#include "base/err.h"
#include "base/id.h"
#include "io/dbsync.h"
#include "store/keys_sync.h"

#include <getopt.h>
#include <stdio.h>

#define CONNECT_MS 5000

static const char usage[] =
    "usage: posthorn key create --name NAME --scope read|publish|write|admin "
    "[--app NAME]\n"
    "       posthorn key list\n"
    "       posthorn key revoke ID\n";

static int wrong_usage(void)
{
    fputs(usage, stderr);
    return 2;
}

static int key_create(struct dbsync *db, int argc, char **argv)
{
    static const struct option options[] = {{"name", required_argument, NULL, 'n'},
                                            {"scope", required_argument, NULL, 's'},
                                            {"app", required_argument, NULL, 'a'},
                                            {NULL, 0, NULL, 0}};
    const char *name = NULL, *scope = NULL, *app = "default";
    struct buf key;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'n')
            name = optarg;
        else if (c == 's')
            scope = optarg;
        else if (c == 'a')
            app = optarg;
        else
            return wrong_usage();
    }
    if (name == NULL || scope == NULL || optind != argc)
        return wrong_usage();
    buf_init(&key, KEY_TEXT_MAX);
    int err = keys_sync_create(db, name, scope, app, &key);
    if (err == ERR_INVALID)
        fprintf(stderr, "posthorn: no such scope, or the name is not 1 to 100 bytes of UTF-8\n");
    else if (err == ERR_NOT_FOUND)
        fprintf(stderr, "posthorn: no app named %s\n", app);
    else if (err == 0)
        printf("%s\n", buf_text(&key));
    crypto_wipe(key.p, key.n);
    buf_fini(&key);
    return err == 0 ? 0 : 1;
}

static int key_list(struct dbsync *db, int argc, char **argv)
{
    (void)argv;
    if (argc != 1)
        return wrong_usage();
    return keys_sync_list(db, stdout) == 0 ? 0 : 1;
}

static int key_revoke(struct dbsync *db, int argc, char **argv)
{
    struct id id;
    if (argc != 2)
        return wrong_usage();
    int err = id_parse(str_of(argv[1]), ID_KEY, &id) ? keys_sync_revoke(db, id) : ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND)
        fprintf(stderr, "posthorn: no such key: %s\n", argv[1]);
    return err == 0 ? 0 : 1;
}

struct action {
    const char *name;
    int (*run)(struct dbsync *db, int argc, char **argv);
};

static const struct action actions[] = {
    {"create", key_create}, {"list", key_list}, {"revoke", key_revoke}};

int command_key(const struct settings *settings, int argc, char **argv)
{
    for (size_t i = 0; i < ARRAY_LEN(actions) && argc > 1; i++) {
        if (strcmp(argv[1], actions[i].name) != 0)
            continue;
        struct dbsync *db = dbsync_open(settings->config.database_url, CONNECT_MS);
        int status = db != NULL ? actions[i].run(db, argc - 1, argv + 1) : 1;
        dbsync_close(db);
        return status;
    }
    return wrong_usage();
}
