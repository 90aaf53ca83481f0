/* Ports: the list of those where other services are at home, and the operator's own. */
#include "core/port.h"

#include "base/err.h"

/* In order. */
static const uint16_t of_others[] = {
    1,    7,    9,    11,   13,   15,   17,    19,    20,    21,    22,    23,   25,   37,
    42,   43,   53,   69,   77,   79,   87,    95,    101,   102,   103,   104,  109,  110,
    111,  113,  115,  117,  119,  123,  135,   137,   139,   143,   161,   179,  389,  427,
    445,  465,  512,  513,  514,  515,  526,   530,   531,   532,   540,   548,  554,  556,
    563,  587,  601,  636,  989,  990,  993,   995,   1433,  1521,  1719,  1720, 1723, 2049,
    3306, 3389, 3659, 4045, 4190, 5060, 5061,  5432,  5900,  6000,  6379,  6566, 6665, 6666,
    6667, 6668, 6669, 6679, 6697, 9042, 10080, 11211, 27017, 27018, 27019,
};

static bool read_port(struct str text, uint16_t *port)
{
    int64_t number;

    if (!str_to_i64(str_trim(text), 1, UINT16_MAX, &number))
        return false;
    *port = (uint16_t)number;
    return true;
}

static bool read_range(struct str text, struct port_range *range)
{
    const char *dash = text.n > 0 ? memchr(text.p, '-', text.n) : NULL;

    if (dash == NULL) {
        range->last = 0;
        bool ok = read_port(text, &range->first);
        range->last = range->first;
        return ok;
    }
    struct str first = {text.p, (size_t)(dash - text.p)};
    struct str last = {dash + 1, text.n - first.n - 1};
    return read_port(first, &range->first) && read_port(last, &range->last) &&
           range->first <= range->last;
}

int ports_parse(struct str list, struct ports *ports, struct str *bad)
{
    struct str piece;

    *ports = (struct ports){0};
    *bad = (struct str){0};
    if (str_trim(list).n == 0)
        return 0;
    while (str_next(&list, ',', &piece)) {
        piece = str_trim(piece);
        if (ports->count == PORTS_MAX || !read_range(piece, &ports->at[ports->count])) {
            *bad = piece;
            return ERR_INVALID;
        }
        ports->count++;
    }
    return 0;
}

bool port_allowed(const struct ports *ports, uint16_t port)
{
    for (size_t i = 0; i < ports->count; i++)
        if (port >= ports->at[i].first && port <= ports->at[i].last)
            return true;
    if (ports->count > 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(of_others); i++)
        if (of_others[i] == port)
            return false;
    return true;
}
