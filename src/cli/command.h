/* A command of the client: what the table (commands.c) has of it, and what its run is given. Help, completions and the
 * man page are made of the same rows. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/str.h"

/* What a process ends with. In --help and in the man page. */
enum status {
    STATUS_DONE = 0,
    STATUS_NOT_SO = 1, /* the API refused, or it is not as was asked: a delivery failed, say */
    STATUS_USAGE = 2,  /* the command line is wrong */
    STATUS_OUT_OF_REACH = 3, /* no answer, or not of the API */
    STATUS_INTERRUPTED = 130,
};

enum flag_kind {
    FLAG_SWITCH, /* takes no value */
    FLAG_TEXT,
    FLAG_NUMBER,
    FLAG_BOOL, /* true or false */
    FLAG_LIST, /* with commas between */
    FLAG_JSON,
    FLAG_MANY, /* may be there again: cli->many */
};

/* Where the value goes, by the flag's name with _ for -, or by its member. */
enum flag_place {
    FLAG_OWN, /* nowhere: the command asks cli_flag() for it */
    FLAG_QUERY,
    FLAG_MEMBER, /* of the body */
};

struct flag {
    const char *name;  /* without the dashes */
    const char *value; /* what it is called in the usage; NULL of a switch */
    const char *help;
    enum flag_kind kind;
    enum flag_place place;
    const char *member; /* NULL: by its name. --url says where the API is, whatever the command */
};

#define FLAGS_MAX     40
#define ARGUMENTS_MAX 8
#define MANY_MAX      32

struct cli;
struct route;

struct command {
    const char *name;      /* one or two words, "webhooks list" */
    const char *arguments; /* "TYPE [FILE]", a word each; "" for none */
    const char *summary;   /* what it does, in one line without a full stop */
    const char *details;   /* more of it, lines for --help; NULL: there is no more */
    const char *example;   /* a line or several, as they are typed */
    const struct flag *flags;
    size_t flag_count;
    int (*run)(
        struct cli *cli); /* returns an enum status, and has said on stderr why, if it is not 0 */
    const struct route *route; /* of those that route_run() runs (route.h) */
    bool offline;              /* needs no URL and no key: cli->client is NULL */
    const char *
        unless; /* an option: where it is set, or POSTHORN_URL is not, the service's command of this name runs */
};

#define FLAGS(table) .flags = (table), .flag_count = ARRAY_LEN(table)

/* The commands of a file. */
struct commands {
    const struct command *at;
    size_t count;
};

/* A run of a command. */
struct cli {
    const struct command *command;
    const struct commands *const *table; /* all there are; NULL ends it */
    const char *values[FLAGS_MAX];       /* of the flags that all have, then of the command's own */
    const char *arguments[ARGUMENTS_MAX];
    int argument_count;
    const char *many[MANY_MAX]; /* of the command's one flag of that kind */
    int many_count;
    struct client *client;
};

/* Its name as the API has it: with _ for -. */
#define FLAG_NAME_SIZE 32
const char *flag_api_name(const struct flag *flag, char out[FLAG_NAME_SIZE]);

/* The flags that every command has. */
extern const struct flag common_flags[];
extern const size_t common_flag_count;

/* What was given for a flag of the command, or of all commands; "" for a switch; NULL: it was not given. */
const char *cli_flag(const struct cli *cli, const char *name);

/* The number that a FLAG_NUMBER was given, which must be in [min, max]; `standard` if it was not given. False: it is out
 * of range, which was said. */
bool cli_number(const struct cli *cli, const char *name, int64_t min, int64_t max, int64_t standard,
                int64_t *out) MUST_CHECK;

/* Reads what follows the command's name. False: it is wrong, which was said. */
bool cli_parse(struct cli *cli, int argc, char **argv) MUST_CHECK;

#endif
