/* The help of commands, from their rows. */
#include "usage.h"

#define NAME_WIDTH 34
#define FLAG_WIDTH 26

const char usage_exit_codes[] =
    "  0  done\n"
    "  1  the API refused, or it is not so: a delivery failed, say\n"
    "  2  the command line is wrong\n"
    "  3  the API could not be reached, or what answered is not the API\n";

static void print_flag(const struct flag *flag, FILE *out)
{
    char left[80];
    int n = snprintf(left, sizeof left, "--%s%s%s", flag->name, flag->value != NULL ? " " : "",
                     flag->value != NULL ? flag->value : "");

    fprintf(out, "  %-*s%s%s\n", FLAG_WIDTH, left, n >= FLAG_WIDTH ? " " : "", flag->help);
}

static void print_example(const char *example, FILE *out)
{
    struct str rest = str_of(example), line;

    while (str_next(&rest, '\n', &line))
        fprintf(out, "  %.*s\n", STR_FMT(line));
}

void usage_print(const struct command *command, FILE *out)
{
    fprintf(out, "usage: posthorn %s%s%s [FLAGS]\n\n%s.\n", command->name,
            command->arguments[0] != '\0' ? " " : "", command->arguments, command->summary);
    if (command->details != NULL)
        fprintf(out, "\n%s", command->details);
    if (command->flag_count > 0)
        fputs("\nFlags:\n", out);
    for (size_t i = 0; i < command->flag_count; i++)
        print_flag(&command->flags[i], out);
    fputs("\nFlags of all commands:\n", out);
    for (size_t i = 0; i < common_flag_count; i++)
        print_flag(&common_flags[i], out);
    fputs("\nExample:\n", out);
    print_example(command->example, out);
    fprintf(out, "\nExit status:\n%s", usage_exit_codes);
}

bool usage_is_of(const struct command *command, const char *word)
{
    size_t n = strlen(word);
    return strncmp(command->name, word, n) == 0 &&
           (command->name[n] == ' ' || command->name[n] == '\0');
}

void usage_print_list(const struct commands *const *table, const char *word, FILE *out)
{
    char left[120];

    for (; *table != NULL; table++)
        for (size_t i = 0; i < (*table)->count; i++) {
            const struct command *command = &(*table)->at[i];
            if (word != NULL && !usage_is_of(command, word))
                continue;
            int n = snprintf(left, sizeof left, "%s %s", command->name, command->arguments);
            fprintf(out, "  %-*s%s%s\n", NAME_WIDTH - 2, left, n >= NAME_WIDTH - 2 ? " " : "",
                    command->summary);
        }
}
