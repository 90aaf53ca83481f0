/* Uids. No one has the form of an id, so that none hides what has that id. */
#include "core/uid.h"

#include "base/id.h"

static bool is_uid_byte(char c)
{
    return str_is_alnum(c) || c == '_' || c == '.' || c == '-';
}

/* Of those from before there were rules, some begin with a dot. */
bool uid_is_possible(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!is_uid_byte(text.p[i]))
            return false;
    return text.n > 0 && text.n <= UID_MAX && !id_is_like(text);
}

const char *uid_check(struct str uid)
{
    if (id_is_like(uid))
        return "must not end as ids do, with '_' and 26 digits of base32";
    if (!uid_is_possible(uid) || uid.p[0] == '.')
        return "may contain only A-Z, a-z, 0-9, '_', '.' and '-', and must not begin with a dot";
    return NULL;
}
