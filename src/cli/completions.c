/* posthorn completions: what a shell needs to complete commands and flags, from the table. */
#include "rows.h"
#include "show.h"
#include "usage.h"

#include <stdio.h>

/* The commands of the service, which main.c has. */
static const char service_words[] = "serve migrate key catalogue rekey trace check-config";

typedef void row_printer(const struct command *command);

static void each(const struct cli *cli, row_printer *print)
{
    for (const struct commands *const *file = cli->table; *file != NULL; file++)
        for (size_t i = 0; i < (*file)->count; i++)
            print(&(*file)->at[i]);
}

static struct str first_word(const struct command *command)
{
    struct str rest = str_of(command->name), word;

    return str_next(&rest, ' ', &word) ? word : rest;
}

/* The first words of all commands, each once: those of a group stand together. */
static void print_words(const struct cli *cli)
{
    struct str last = STR_NONE;

    for (const struct commands *const *file = cli->table; *file != NULL; file++)
        for (size_t i = 0; i < (*file)->count; i++) {
            struct str word = first_word(&(*file)->at[i]);
            if (!str_eq(word, last) && (*file)->at[i].unless == NULL)
                printf("%.*s ", STR_FMT(word));
            last = word;
        }
    printf("%s", service_words);
}

static void print_flags(const struct command *command)
{
    for (size_t i = 0; i < command->flag_count; i++)
        printf("--%s ", command->flags[i].name);
    for (size_t i = 0; i < common_flag_count; i++)
        printf("--%s%s", common_flags[i].name, i + 1 < common_flag_count ? " " : "");
}

/* "webhooks list": a case of two words; "send": of one and whatever comes next. */
static void print_case(const struct command *command)
{
    bool two = strchr(command->name, ' ') != NULL;

    printf("    \"%s%s\"%s) words=\"", command->name, two ? "" : " ", two ? "" : "*");
    print_flags(command);
    printf("\" ;;\n");
}

static void print_groups(const struct cli *cli)
{
    struct str last = STR_NONE;

    for (const struct commands *const *file = cli->table; *file != NULL; file++)
        for (size_t i = 0; i < (*file)->count; i++) {
            const char *space = strchr((*file)->at[i].name, ' ');
            struct str word = first_word(&(*file)->at[i]);
            if (space == NULL)
                continue;
            if (!str_eq(word, last))
                printf("%s    \"%.*s \"*) words=\"", last.n > 0 ? "\" ;;\n" : "", STR_FMT(word));
            printf("%s%s", str_eq(word, last) ? " " : "", space + 1);
            last = word;
        }
    printf("\" ;;\n");
}

/* Both shells know `case`; how they say which words stand there differs. */
static void print_cases(const struct cli *cli)
{
    printf("  case $typed in\n");
    each(cli, print_case);
    print_groups(cli);
    printf("  esac\n");
}

static void print_bash(const struct cli *cli)
{
    printf("# posthorn completions bash\n_posthorn() {\n"
           "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\"\n"
           "  local typed=\"${COMP_WORDS[1]-} ${COMP_WORDS[2]-}\"\n"
           "  [ \"$COMP_CWORD\" -gt 2 ] || typed=\"${COMP_WORDS[1]-} \"\n");
    print_cases(cli);
    printf("  [ \"$COMP_CWORD\" -gt 1 ] || words=\"");
    print_words(cli);
    printf("\"\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
           "complete -o default -F _posthorn posthorn\n");
}

static void print_zsh(const struct cli *cli)
{
    printf("#compdef posthorn\n# posthorn completions zsh\n_posthorn() {\n"
           "  local typed=\"${words[2]} ${words[3]}\" current=$CURRENT\n"
           "  [ $current -gt 3 ] || typed=\"${words[2]} \"\n  local words=\"\"\n");
    print_cases(cli);
    printf("  [ $current -gt 2 ] || words=\"");
    print_words(cli);
    printf(
        "\"\n  compadd -- ${=words}\n  [ $current -le 2 ] || _files\n}\n"
        "if [ \"$funcstack[1]\" = _posthorn ]; then _posthorn \"$@\"; else compdef _posthorn posthorn; fi\n");
}

/* Within single quotes, where fish knows \ and '. */
static void print_quoted(const char *text)
{
    putchar('\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('\'');
}

static void print_fish_flag(const struct command *command, const struct flag *flag)
{
    struct str rest = str_of(command->name), word;

    printf("complete -c posthorn -n '");
    for (const char *and = ""; str_next(&rest, ' ', &word); and = "; and ")
        printf("%s__fish_seen_subcommand_from %.*s", and, STR_FMT(word));
    printf("' -l %s%s -d ", flag->name, flag->value != NULL ? " -r" : "");
    print_quoted(flag->help);
    putchar('\n');
}

static void print_fish_row(const struct command *command)
{
    const char *space = strchr(command->name, ' ');
    struct str word = first_word(command);

    if (space != NULL)
        printf("complete -c posthorn -f -n '__fish_seen_subcommand_from %.*s' -a %s -d ",
               STR_FMT(word), space + 1);
    else
        printf("complete -c posthorn -f -n __fish_use_subcommand -a %s -d ", command->name);
    print_quoted(command->summary);
    putchar('\n');
    for (size_t i = 0; i < command->flag_count; i++)
        print_fish_flag(command, &command->flags[i]);
    for (size_t i = 0; i < common_flag_count; i++)
        print_fish_flag(command, &common_flags[i]);
}

static void print_fish(const struct cli *cli)
{
    printf("# posthorn completions fish\ncomplete -c posthorn -f -n __fish_use_subcommand -a '");
    print_words(cli);
    printf("'\n");
    each(cli, print_fish_row);
}

static int completions_run(struct cli *cli)
{
    static const struct {
        const char *shell;
        void (*print)(const struct cli *cli);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

    for (size_t i = 0; i < ARRAY_LEN(shells); i++)
        if (strcmp(shells[i].shell, cli->arguments[0]) == 0) {
            shells[i].print(cli);
            return STATUS_DONE;
        }
    show_error("there are completions for bash, zsh and fish, and none for %s", cli->arguments[0]);
    return STATUS_USAGE;
}

static const struct command rows[] = {
    {.name = "completions",
     .arguments = "SHELL",
     .summary = "Prints what bash, zsh or fish completes commands with",
     .example = "source <(posthorn completions bash)\n"
                "posthorn completions zsh >\"${fpath[1]}/_posthorn\"\n"
                "posthorn completions fish >~/.config/fish/completions/posthorn.fish",
     .run = completions_run,
     .offline = true},
};

const struct commands completion_commands = {rows, ARRAY_LEN(rows)};
