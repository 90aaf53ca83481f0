/* What claims bring, and how long that takes. */
#include "portion.h"

#include "base/err.h"

#define BYTES_MAX  (1 << 20) /* of a claim: some seconds on a slow line */
#define BYTES_MIN  (1 << 14)
#define BYTES_STEP (1 << 15)
#define PLAIN_BYTES \
    (1 << 12)           /* of a row, on average: those of one event would bring it several times */
#define WHOLE_CLAIMS 16 /* after one that had more than what is plain */

void portion_init(struct portion *p)
{
    *p = (struct portion){.bytes = BYTES_MAX, .row_bytes = 1};
}

size_t portion_rows(const struct portion *p)
{
    return (size_t)(p->bytes / p->row_bytes) + 1;
}

bool portion_is_plain(struct portion *p, size_t rows)
{
    if (rows > WORK_PLAIN_MAX || p->bytes < BYTES_MAX || p->row_bytes > PLAIN_BYTES)
        return false;
    p->whole -= p->whole > 0;
    return p->whole == 0;
}

/* A line that is too slow for as much is asked for half; what it can take is found out again and again. */
void portion_learn_line(struct portion *p, int err)
{
    if (err == ERR_TIMEOUT)
        p->bytes = p->bytes / 2 > BYTES_MIN ? p->bytes / 2 : BYTES_MIN;
    else if (err == 0)
        p->bytes = p->bytes + BYTES_STEP < BYTES_MAX ? p->bytes + BYTES_STEP : BYTES_MAX;
}

/* Too many are leased and given back. */
void portion_learn_rows(struct portion *p, const struct db_rows *rows)
{
    int64_t count = db_count(rows);

    if (count > 0)
        p->row_bytes += ((int64_t)claims_bytes(rows) / count - p->row_bytes) / 4;
    p->row_bytes = p->row_bytes > 0 ? p->row_bytes : 1;
}

void portion_learn_whole(struct portion *p)
{
    p->whole = WHOLE_CLAIMS;
}
