/* What was found by looking at something, in words: what was seen, and what to do. */
#ifndef CORE_FINDINGS_H
#define CORE_FINDINGS_H

#include "base/buf.h"

#define FINDINGS_MAX 64 /* what comes after these is dropped */

enum finding_level { FINDING_OK, FINDING_WARN, FINDING_FAIL };
extern const char *const finding_level_names[]; /* ends with NULL */

struct findings {
    struct finding {
        enum finding_level level;
        char about[48]; /* a header, a part of a connection */
        char seen[640];
        char advice[640]; /* "": there is nothing to do */
    } at[FINDINGS_MAX];
    size_t count;
};

void findings_add(struct findings *findings, enum finding_level level, struct str about,
                  const char *format, ...) PRINTF_LIKE(4, 5);

/* What to do about the last one. */
void findings_advise(struct findings *findings, const char *format, ...) PRINTF_LIKE(2, 3);

/* The worst of them; FINDING_OK where there is none. */
enum finding_level findings_worst(const struct findings *findings);

#endif
