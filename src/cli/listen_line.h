/* A line for each delivery that was forwarded. */
#ifndef CLI_LISTEN_LINE_H
#define CLI_LISTEN_LINE_H

#include "base/str.h"

struct listen_line {
    struct str delivery, event, type;
    int64_t attempt, code, ms; /* code 0: no answer */
    const char *error, *why;   /* the code that the API has for it, and words; or NULL */
};

void listen_line_show(const struct listen_line *line, bool json);

#endif
