/* The schema: numbered migrations inside the binary, applied in order, each in a transaction, with
 * checksums, under an advisory lock. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "base/str.h"

#include <stdint.h>

struct dbsync;

/* Applies what is missing and makes the app `default`, and partitions for a history of so many `days`. Writes what it did to stdout. ERR_CONFLICT
 * when the database is newer than this program, or a migration was altered after it was applied. */
int schema_migrate(struct dbsync *db, int64_t days) MUST_CHECK;

/* 0 if the schema is exactly this program's; else ERR_CONFLICT, and the log says what to run. */
int schema_check(struct dbsync *db) MUST_CHECK;

#endif
