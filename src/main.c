/* posthorn: the subcommands. */
#include "commands.h"
#include "options.h"

#include "api/server.h"
#include "cli/cli.h"
#include "io/dbsync.h"
#include "store/schema.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define CONNECT_MS 10000

static const char usage[] =
    "usage: posthorn COMMAND\n"
    "\n"
    "  serve [--role api|worker|all]   run the API, the worker, or both (the default)\n"
    "  migrate                         bring the database's schema up to date\n"
    "  key create --name N --scope S   make an API key: read, publish, write, admin [--app NAME]\n"
    "  key list                        show the keys there are\n"
    "  key revoke ID                   end one\n"
    "  catalogue load NAME             put the event types of marzban, remnawave, authon or generic into an\n"
    "                                  app [--app ID|UID]\n"
    "  rekey                           seal all that is sealed with POSTHORN_ENCRYPTION_KEY\n"
    "  trace DELIVERY|EVENT            show what the ledger knows of one, as a timeline\n"
    "  check-config                    print the options in force, secrets masked, or what is wrong\n"
    "  --version, --help\n"
    "\n"
    "Options are environment variables; README.md lists them.\n"
    "\n"
    "These ask the API, at POSTHORN_URL with POSTHORN_KEY; each has --help:\n"
    "\n";

static int command_migrate(const struct settings *settings, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct dbsync *db = dbsync_open(settings->config.database_url, CONNECT_MS);
    int status = db != NULL && schema_migrate(db, settings->config.retention_days) == 0 ? 0 : 1;
    dbsync_close(db);
    return status;
}

static int command_check_config(const struct settings *settings, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    config_print(&settings->config, stdout);
    return 0;
}

static int command_routes(const struct settings *settings, int argc, char **argv)
{
    (void)settings;
    (void)argc;
    (void)argv;
    routes_print(stdout);
    return 0;
}

struct command {
    const char *name;
    int (*run)(const struct settings *settings, int argc, char **argv);
};

static const struct command commands[] = {
    {"serve", command_serve},
    {"migrate", command_migrate},
    {"key", command_key},
    {"catalogue", command_catalogue},
    {"rekey", command_rekey},
    {"trace", command_trace},
    {"check-config", command_check_config},
    {"routes", command_routes},
};

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void print_usage(FILE *out)
{
    fputs(usage, out);
    cli_print_commands(out);
}

int main(int argc, char **argv)
{
    static struct settings settings;
    static struct faults faults;

    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("posthorn " POSTHORN_VERSION "\n");
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (argc > 1 && cli_has(argv[1]))
        return cli_main(argc, argv);
    const struct command *command = argc > 1 ? find(argv[1]) : NULL;
    if (command == NULL) {
        print_usage(stderr);
        return 2;
    }
    if (options_load(&settings, &faults) < 0) {
        faults_print(&faults, stderr);
        return 2;
    }
    log_set_level(settings.log_level);
    return command->run(&settings, argc - 1, argv + 1);
}
