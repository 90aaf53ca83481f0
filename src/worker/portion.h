/* How much a claim asks for, and how, as the last ones teach: as many rows as their bytes allow, no more bytes than the
 * line takes in time, and of few rows only what is plain (work_claim_plain()) while that is all there is. */
#ifndef WORKER_PORTION_H
#define WORKER_PORTION_H

#include "store/work.h"

struct portion {
    int64_t bytes;     /* that a claim asks for */
    int64_t row_bytes; /* of one delivery, as the last ones were */
    int whole;         /* so many claims are for what is not plain too */
};

void portion_init(struct portion *portion);

/* Rows that its bytes are enough for, at least one. */
size_t portion_rows(const struct portion *portion);

/* Whether a claim of so many asks for what is plain. Counts it. */
bool portion_is_plain(struct portion *portion, size_t rows);

/* What came of a claim, 0 or an error; the rows that it brought; and that one of what is plain left some out. */
void portion_learn_line(struct portion *portion, int err);
void portion_learn_rows(struct portion *portion, const struct db_rows *rows);
void portion_learn_whole(struct portion *portion);

#endif
