/* posthorn catalogue load: event types of a system that Posthorn stands in for, into an app. */
#include "command_app.h"
#include "commands.h"

#include "core/catalogue.h"
#include "store/event_types.h"

#include <getopt.h>
#include <stdio.h>

struct loading {
    const struct catalogue *catalogue;
    const char *app;
};

static int wrong_usage(void)
{
    fputs("usage: posthorn catalogue load NAME [--app ID|UID]\n       NAME is", stderr);
    for (const struct catalogue *c = catalogues; c->name != NULL; c++)
        fprintf(stderr, "%s %s", c == catalogues ? "" : " or", c->name);
    fputc('\n', stderr);
    return 2;
}

static void on_loaded(void *arg, int err, const struct db_rows *rows)
{
    struct command_run *run = arg;
    const struct loading *loading = run->arg;

    if (command_failed(run, err))
        return;
    printf("%d event types of %s loaded into the app %s, %d of that name were there and stay\n",
           db_count(rows), loading->catalogue->name, loading->app,
           (int)loading->catalogue->count - db_count(rows));
    command_end(run, 0);
}

static void on_app(void *arg, int err, const struct db_rows *rows)
{
    static const struct deed deed = {.action = AUDIT_EVENT_TYPE_CREATE,
                                     .actor = AUDIT_BY_COMMAND,
                                     .fields = {"name", "description", "schema", "example"},
                                     .field_count = 4};
    struct command_run *run = arg;
    const struct loading *loading = run->arg;
    struct id app;

    if (command_app_read(run, loading->app, err, rows, &app))
        event_types_load(run->db, app, loading->catalogue, &deed, on_loaded, run);
}

static void start(struct command_run *run)
{
    const struct loading *loading = run->arg;

    command_app_find(run, loading->app, on_app);
}

int command_catalogue(const struct settings *settings, int argc, char **argv)
{
    static const struct option options[] = {{"app", required_argument, NULL, 'a'},
                                            {NULL, 0, NULL, 0}};
    struct loading loading = {.app = "default"};
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c != 'a')
            return wrong_usage();
        loading.app = optarg;
    }
    if (argc - optind != 2 || strcmp(argv[optind], "load") != 0)
        return wrong_usage();
    loading.catalogue = catalogue_find(argv[optind + 1]);
    return loading.catalogue == NULL ? wrong_usage() : command_run(settings, start, &loading);
}
