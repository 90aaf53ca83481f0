/* What the model of PostgreSQL was asked and said, line by line, for the real one to be asked again (test_postgres.py). */
#ifndef SIM_RECORD_H
#define SIM_RECORD_H

#include "ledger.h"

#include <stdio.h>

extern FILE *ledger_record; /* NULL: nothing is written down */

void record_begin(void); /* the webhooks that there are */
void record_run(const struct db_stmt *stmt, const struct values *values,
                const struct db_rows *rows);
void record_status(int webhook, int status, int reason);

/* What it has now. `word`: why it is told. */
void record_rows(const char *word);

/* What cannot be done again: nothing more of this run is. */
void record_break(void);

#endif
