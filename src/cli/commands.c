/* The table of the client's commands, and the run of one. */
#include "cli/cli.h"

#include "client.h"
#include "rows.h"
#include "show.h"
#include "usage.h"

#include <locale.h>
#include <stdlib.h>

static const struct commands *const table[] = {
    &send_commands,    &replay_commands,
    &trace_commands,   &listen_commands,
    &tail_commands,    &verify_commands,
    &doctor_commands,  &webhook_commands,
    &history_commands, &source_commands,
    &tenant_commands,  &completion_commands,
    &manual_commands,  NULL,
};

static const struct command *find(const char *name)
{
    for (const struct commands *const *file = table; *file != NULL; file++)
        for (size_t i = 0; i < (*file)->count; i++)
            if (strcmp((*file)->at[i].name, name) == 0)
                return &(*file)->at[i];
    return NULL;
}

/* Whether a command that the service has too is the client's here. */
static bool is_meant(const struct command *command)
{
    return command->unless == NULL || (getenv(command->unless) == NULL && profile_is_set());
}

bool cli_has(const char *name)
{
    for (const struct commands *const *file = table; *file != NULL; file++)
        for (size_t i = 0; i < (*file)->count; i++)
            if (usage_is_of(&(*file)->at[i], name) && is_meant(&(*file)->at[i]))
                return true;
    return false;
}

void cli_print_commands(FILE *out)
{
    usage_print_list(table, NULL, out);
}

/* The command of one or two words that `argv` begins with, and how many they are. */
static const struct command *choose(int argc, char **argv, int *words)
{
    char name[128];
    const struct command *command = NULL;

    *words = 2;
    if (argc > 1 && (size_t)snprintf(name, sizeof name, "%s %s", argv[0], argv[1]) < sizeof name)
        command = find(name);
    if (command != NULL)
        return command;
    *words = 1;
    return find(argv[0]);
}

static int wrong_word(int argc, char **argv)
{
    bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    FILE *out = help ? stdout : stderr;

    if (argc > 1 && !help)
        show_error("there is no posthorn %s %s", argv[0], argv[1]);
    fprintf(out, "usage: posthorn %s … [FLAGS]\n\n", argv[0]);
    usage_print_list(table, argv[0], out);
    fputs("\nEach has --help, with an example.\n", out);
    return help ? STATUS_DONE : STATUS_USAGE;
}

/* What every command has done for it: the profile, and the client. */
static int run(struct cli *cli)
{
    static struct profile profile;
    int64_t seconds;

    if (!cli_number(cli, "timeout", 1, 3600, 30, &seconds))
        return STATUS_USAGE;
    if (cli->command->offline)
        return cli->command->run(cli);
    if (!profile_load(&profile, cli))
        return STATUS_USAGE;
    cli->client = client_open(&profile, seconds * 1000);
    if (cli->client == NULL)
        return STATUS_USAGE;
    int status = cli->command->run(cli);
    client_close(cli->client);
    return status;
}

int cli_main(int argc, char **argv)
{
    static struct cli cli;
    int words;

    setlocale(LC_CTYPE, "C.UTF-8");
    cli = (struct cli){.command = choose(argc - 1, argv + 1, &words), .table = table};
    if (cli.command == NULL)
        return wrong_word(argc - 1, argv + 1);
    if (!cli_parse(&cli, argc - 1 - words, argv + 1 + words))
        return STATUS_USAGE;
    if (cli_flag(&cli, "help") != NULL) {
        usage_print(cli.command, stdout);
        return STATUS_DONE;
    }
    return run(&cli);
}
