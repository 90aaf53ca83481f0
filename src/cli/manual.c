/* posthorn manual: the man page, from the table. */
#include "rows.h"
#include "usage.h"

#include <stdio.h>

static const char head[] =
    ".TH POSTHORN 1 \"\" \"Posthorn " POSTHORN_VERSION "\" \"User Commands\"\n"
    ".SH NAME\nposthorn \\- webhooks: the service, and the client of its API\n"
    ".SH SYNOPSIS\n.B posthorn\n.I COMMAND\n[\\fIARGUMENTS\\fR] [\\fIFLAGS\\fR]\n"
    ".SH DESCRIPTION\n"
    "The commands below ask the API of a Posthorn, wherever it runs: POSTHORN_URL says where it is and POSTHORN_KEY opens it.\n"
    "They write tables to a terminal, plain text elsewhere, and with \\fB\\-\\-json\\fR one JSON document, as the API answered.\n"
    ".PP\nThe commands that run the service (serve, migrate, key, catalogue, rekey, trace, check\\-config) have environment\n"
    "variables for options, which its README.md lists; \\fBposthorn \\-\\-help\\fR shows them.\n";

static const char tail[] =
    ".SH ENVIRONMENT\n"
    ".TP\n.B POSTHORN_URL\nWhere the API is, such as https://hooks.example.com.\n"
    ".TP\n.B POSTHORN_KEY\nThe API key.\n"
    ".TP\n.B POSTHORN_APP\nWith an admin key, the app that is meant, by id or uid.\n"
    ".TP\n.B POSTHORN_PROFILE\nThe section of the profile file.\n"
    ".TP\n.B POSTHORN_CA_FILE\nCertificates in PEM to trust instead of the system's.\n"
    ".SH FILES\n.TP\n.I ~/.config/posthorn/profile\n"
    "Lines \\fIname\\fR = \\fIvalue\\fR: url, key, app and ca_file; sections in brackets, chosen by \\fB\\-\\-profile\\fR.\n"
    "Nobody but its owner may be able to read it (mode 600). A key in it is sent to the URL beside it and to no other.\n";

/* What roff would read as its own is written so that it does not. */
static void print_text(const char *text)
{
    if (text[0] == '.' || text[0] == '\'')
        fputs("\\&", stdout);
    for (; *text != '\0'; text++) {
        if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
    }
}

static void print_flag(const struct flag *flag)
{
    fputs(".TP\n\\fB\\-\\-", stdout);
    print_text(flag->name);
    fputs("\\fR", stdout);
    if (flag->value != NULL)
        printf(" \\fI%s\\fR", flag->value);
    putchar('\n');
    print_text(flag->help);
    putchar('\n');
}

static void print_example(const char *example)
{
    struct str rest = str_of(example), line;

    fputs(".PP\n.nf\n", stdout);
    while (str_next(&rest, '\n', &line)) {
        char text[512];
        snprintf(text, sizeof text, "    %.*s", STR_FMT(line));
        print_text(text);
        putchar('\n');
    }
    fputs(".fi\n", stdout);
}

static void print_command(const struct command *command)
{
    fputs(".SS ", stdout);
    print_text(command->name);
    if (command->arguments[0] != '\0')
        printf(" %s", command->arguments);
    putchar('\n');
    print_text(command->summary);
    fputs(".\n", stdout);
    if (command->details != NULL)
        print_text(command->details);
    for (size_t i = 0; i < command->flag_count; i++)
        print_flag(&command->flags[i]);
    print_example(command->example);
}

static int manual_run(struct cli *cli)
{
    struct str rest = str_of(usage_exit_codes), line;

    fputs(head, stdout);
    fputs(".SH COMMANDS\n", stdout);
    for (const struct commands *const *file = cli->table; *file != NULL; file++)
        for (size_t i = 0; i < (*file)->count; i++)
            print_command(&(*file)->at[i]);
    fputs(".SH OPTIONS\nEvery command has these.\n", stdout);
    for (size_t i = 0; i < common_flag_count; i++)
        print_flag(&common_flags[i]);
    fputs(".SH EXIT STATUS\n", stdout);
    while (str_next(&rest, '\n', &line))
        printf(".TP\n.B %c\n%.*s\n", line.p[2], (int)(line.n - 5), line.p + 5);
    fputs(tail, stdout);
    return STATUS_DONE;
}

static const struct command rows[] = {
    {.name = "manual",
     .arguments = "",
     .summary = "Prints the man page",
     .example = "posthorn manual | man -l -",
     .run = manual_run,
     .offline = true},
};

const struct commands manual_commands = {rows, ARRAY_LEN(rows)};
