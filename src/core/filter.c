/* Event types and the patterns over them. Matching is turned around for the database: a type has
 * few patterns that match it, and those are looked up. */
#include "core/filter.h"

static bool is_type_byte(char c)
{
    return str_is_alnum(c) || c == '_' || c == '.' || c == '-';
}

const char *event_type_check(struct str type)
{
    if (type.n < 1 || type.n > EVENT_TYPE_MAX)
        return "must be 1 to 128 characters long";
    for (size_t i = 0; i < type.n; i++)
        if (!is_type_byte(type.p[i]))
            return "may contain only A-Z, a-z, 0-9, '_', '.' and '-'";
    return NULL;
}

const char *filter_check(struct str pattern)
{
    if (str_eq(pattern, STR_LIT("*")))
        return NULL;
    if (pattern.n > 2 && memcmp(pattern.p + pattern.n - 2, ".*", 2) == 0)
        pattern.n -= 2;
    if (pattern.n > 0 && memchr(pattern.p, '*', pattern.n) != NULL)
        return "has a * that is not its end: patterns are a type's name, prefix.* such as user.*, or *";
    return event_type_check(pattern);
}

void filter_iter_init(struct filter_iter *it, struct str type)
{
    assert(type.n <= EVENT_TYPE_MAX);
    *it = (struct filter_iter){.type = type};
}

bool filter_iter_next(struct filter_iter *it, struct str *pattern)
{
    switch (it->step) {
    case 0:
        it->step = 1;
        *pattern = it->type;
        return true;
    case 1:
        /* A dot at the start or the end has no prefix or no rest. */
        for (size_t i = it->next; i + 1 < it->type.n; i++) {
            if (it->type.p[i] != '.' || i == 0)
                continue;
            memcpy(it->text, it->type.p, i + 1);
            it->text[i + 1] = '*';
            *pattern = (struct str){it->text, i + 2};
            it->next = i + 1;
            return true;
        }
        it->step = 2;
        *pattern = STR_LIT("*");
        return true;
    default:
        return false;
    }
}
