/* HTTP header lines. */
#include "base/header.h"

struct str header_find(struct str head, const char *name)
{
    struct str wanted = str_of(name), line;

    while (str_next(&head, '\n', &line)) {
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n <= wanted.n || line.p[wanted.n] != ':' ||
            !str_eq_nocase((struct str){line.p, wanted.n}, wanted))
            continue;
        return str_trim((struct str){line.p + wanted.n + 1, line.n - wanted.n - 1});
    }
    return (struct str){NULL, 0};
}

static bool is_token_byte(char c)
{
    return str_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool header_is_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!is_token_byte(name.p[i]))
            return false;
    return name.n > 0;
}
