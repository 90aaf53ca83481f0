/* Whether what was published in SQL may be an event: by the rules of the API, as far as the function in PostgreSQL could not
 * tell. Of one batch: schemas are read once for all of it. */
#ifndef WORKER_JUDGE_H
#define WORKER_JUDGE_H

#include "store/published.h"

struct judge {
    int64_t last_ms; /* later than history is kept nothing is delivered */
    int64_t steps;   /* that schemas have taken */
    struct known_schema *known;
    size_t known_count;
};

/* Of `rows` events at most, whose texts stay until the end. */
void judge_init(struct judge *judge, size_t rows, int64_t retention_days);
void judge_fini(struct judge *judge);

/* NULL: it may. Else the reason's name; `detail` gets what people can be told. */
const char *judge_event(struct judge *judge, const struct published *published, struct buf *detail);

/* It has done as much as the API does for one request: the loop is others' too. */
bool judge_is_tired(const struct judge *judge);

#endif
