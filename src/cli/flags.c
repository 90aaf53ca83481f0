/* The command line, read by the table of a command's flags. */
#include "command.h"
#include "show.h"

#include <stdarg.h>
#include <stdio.h>

const struct flag common_flags[] = {
    {"url", "URL", "where the API is (else POSTHORN_URL, or the profile's)", FLAG_TEXT, FLAG_OWN},
    {"key", "KEY",
     "the API key; others on this machine can see it here (else POSTHORN_KEY, or the profile's)",
     FLAG_TEXT, FLAG_OWN},
    {"profile", "NAME", "the section of the profile file to take both from (else POSTHORN_PROFILE)",
     FLAG_TEXT, FLAG_OWN},
    {"app", "APP", "with an admin key, the app that is meant, by id or uid (else POSTHORN_APP)",
     FLAG_TEXT, FLAG_OWN},
    {"timeout", "SECONDS", "how long to wait for each answer (30)", FLAG_NUMBER, FLAG_OWN},
    {"json", NULL, "print the API's JSON, one document", FLAG_SWITCH, FLAG_OWN},
    {"help", NULL, "print this", FLAG_SWITCH, FLAG_OWN},
};
const size_t common_flag_count = ARRAY_LEN(common_flags);

const char *flag_api_name(const struct flag *flag, char out[FLAG_NAME_SIZE])
{
    const char *name = flag->member != NULL ? flag->member : flag->name;
    size_t n = strlen(name);

    assert(n < FLAG_NAME_SIZE);
    for (size_t i = 0; i <= n; i++)
        out[i] = (char)(name[i] == '-' ? '_' : name[i]);
    return out;
}

static const struct flag *flag_at(const struct cli *cli, size_t i)
{
    return i < common_flag_count ? &common_flags[i] : &cli->command->flags[i - common_flag_count];
}

/* Its number; that of none is the count. */
static size_t number_of(const struct cli *cli, struct str name, size_t *count)
{
    size_t i = 0;

    *count = common_flag_count + cli->command->flag_count;
    assert(*count <= FLAGS_MAX);
    while (i < *count && !str_eq_text(name, flag_at(cli, i)->name))
        i++;
    return i;
}

const char *cli_flag(const struct cli *cli, const char *name)
{
    size_t count, i = number_of(cli, str_of(name), &count);
    assert(i < count);
    return cli->values[i];
}

bool cli_number(const struct cli *cli, const char *name, int64_t min, int64_t max, int64_t standard,
                int64_t *out)
{
    const char *value = cli_flag(cli, name);

    *out = standard;
    if (value == NULL || str_to_i64(str_of(value), min, max, out))
        return true;
    show_error("--%s must be a number from %lld to %lld", name, (long long)min, (long long)max);
    return false;
}

static bool wrong(const struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);
static bool wrong(const struct cli *cli, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    show_error("%s; see posthorn %s --help", text, cli->command->name);
    return false;
}

static bool is_value(const struct cli *cli, const struct flag *flag, const char *value)
{
    int64_t number;

    if (flag->kind == FLAG_NUMBER && !str_to_i64(str_of(value), INT64_MIN, INT64_MAX, &number))
        return wrong(cli, "--%s must be a whole number", flag->name);
    if (flag->kind == FLAG_BOOL && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
        return wrong(cli, "--%s must be true or false", flag->name);
    return true;
}

/* Takes "--name=value", or "--name" and maybe the next word, off the line. */
static bool take_flag(struct cli *cli, int argc, char **argv, int *at)
{
    struct str name = str_of(argv[*at] + 2);
    const char *equals = strchr(name.p, '='), *value = equals != NULL ? equals + 1 : NULL;
    size_t count, i;

    if (equals != NULL)
        name.n = (size_t)(equals - name.p);
    i = number_of(cli, name, &count);
    if (i == count)
        return wrong(cli, "there is no --%.*s", STR_FMT(name));
    const struct flag *flag = flag_at(cli, i);
    if (cli->values[i] != NULL && flag->kind != FLAG_MANY)
        return wrong(cli, "--%s is there twice", flag->name);
    if (flag->kind == FLAG_SWITCH && value != NULL)
        return wrong(cli, "--%s takes no value", flag->name);
    if (flag->kind == FLAG_SWITCH)
        value = "";
    else if (value == NULL && *at + 1 < argc)
        value = argv[++*at];
    if (value == NULL)
        return wrong(cli, "--%s needs a value, %s", flag->name, flag->value);
    if (flag->kind == FLAG_MANY && cli->many_count == MANY_MAX)
        return wrong(cli, "--%s is there more than %d times", flag->name, MANY_MAX);
    if (flag->kind == FLAG_MANY)
        cli->many[cli->many_count++] = value;
    cli->values[i] = value;
    return is_value(cli, flag, value);
}

/* How many arguments the command wants, and may have. */
static void count_arguments(const struct command *command, int *least, int *most)
{
    struct str rest = str_of(command->arguments), word;

    *least = *most = 0;
    while (str_next(&rest, ' ', &word)) {
        ++*most;
        if (word.p[0] != '[')
            *least = *most;
    }
}

static bool count_is_right(const struct cli *cli)
{
    const struct command *command = cli->command;
    int least, most;

    count_arguments(command, &least, &most);
    if (cli->argument_count < least)
        return wrong(cli, "say which: posthorn %s %s", command->name, command->arguments);
    if (cli->argument_count > most)
        return wrong(cli, "'%s' is one word too many", cli->arguments[most]);
    return true;
}

static bool take_argument(struct cli *cli, const char *text)
{
    if (cli->argument_count == ARGUMENTS_MAX)
        return wrong(cli, "'%s' is one word too many", text);
    cli->arguments[cli->argument_count++] = text;
    return true;
}

bool cli_parse(struct cli *cli, int argc, char **argv)
{
    bool flags = true;

    for (int at = 0; at < argc; at++) {
        const char *text = argv[at];
        if (flags && strcmp(text, "--") == 0)
            flags = false;
        else if (flags && strcmp(text, "-h") == 0)
            cli->values[common_flag_count - 1] = "";
        else if (flags && text[0] == '-' && text[1] == '-'    ? !take_flag(cli, argc, argv, &at)
                 : flags && text[0] == '-' && text[1] != '\0' ? !wrong(cli, "there is no %s", text)
                                                              : !take_argument(cli, text))
            return false;
    }
    return cli_flag(cli, "help") != NULL || count_is_right(cli);
}
