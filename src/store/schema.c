/* Migrating and checking the schema. */
#include "store/schema.h"

#include "base/buf.h"
#include "base/crash.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/log.h"
#include "io/dbsync.h"
#include "schema_internal.h"

#include <stdio.h>

#define LOCK_KEY     "7310579632415171183" /* any number that nobody else locks */
#define CHECKSUM_MAX ((size_t)2 * SHA256_SIZE)

/* The tables stay where they are: of a role `posthorn` the search path begins with the schema `posthorn` as soon as there is
 * one, which is for what callers call (0034_published.sql). */
static const char sql_setup[] =
    "select pg_advisory_lock(" LOCK_KEY ");"
    "do $$ begin"
    " if to_regclass('schema_migration') is null then"
    "  create table schema_migration (number int4 primary key, name text not null,"
    "   checksum text not null, applied_at timestamptz not null default now());"
    " end if;"
    " perform set_config('search_path', relnamespace::regnamespace || ', '"
    "   || current_setting('search_path'), false)"
    "  from pg_class where oid = 'schema_migration'::regclass;"
    "end $$";
static const char sql_unlock[] = "select pg_advisory_unlock(" LOCK_KEY ")";
static const char sql_days[] = "select days_make($1::int)";
static const char sql_exists[] = "select to_regclass('schema_migration') is not null";
static const char sql_list[] = "select number, checksum from schema_migration order by number";
static const char sql_record[] =
    "insert into schema_migration (number, name, checksum) values ($1::int4, $2, $3)";

static const char *checksum(struct buf *out, const char *sql)
{
    uint8_t digest[SHA256_SIZE];
    crypto_sha256(str_of(sql), digest);
    buf_clear(out);
    crypto_hex(out, digest, sizeof digest);
    return buf_text(out);
}

/* How many of ours are applied, or ERR_CONFLICT when what is applied is not what we have. */
static int count_applied(struct dbsync *db)
{
    struct dbsync_rows *rows;
    struct buf sum;
    int err = dbsync_exec(db, sql_list, 0, NULL, &rows);
    if (err < 0)
        return err;
    int n = dbsync_count(rows);
    buf_init(&sum, CHECKSUM_MAX);
    for (int i = 0; i < n && err == 0; i++) {
        if ((size_t)i >= migration_count) {
            log_error("schema_newer", "applied=%d known=%zu hint=\"run a newer posthorn\"", n,
                      migration_count);
            err = ERR_CONFLICT;
        } else if (strcmp(dbsync_text(rows, i, 1), checksum(&sum, migrations[i].sql)) != 0) {
            log_error("schema_altered", "migration=%d hint=\"it was applied with another content\"",
                      migrations[i].number);
            err = ERR_CONFLICT;
        }
    }
    buf_fini(&sum);
    dbsync_rows_free(rows);
    return err < 0 ? err : n;
}

static int apply(struct dbsync *db, const struct migration *m)
{
    char number[16];
    struct buf sum;

    snprintf(number, sizeof number, "%d", m->number);
    buf_init(&sum, CHECKSUM_MAX);
    const char *params[] = {number, m->name, checksum(&sum, m->sql)};
    int err = dbsync_script(db, "begin");
    CRASH_POINT("migration", "begun");
    if (err == 0)
        err = dbsync_script(db, m->sql);
    if (CRASH_POINT_FAILS("migration", "run"))
        err = ERR_UNAVAILABLE;
    if (err == 0)
        err = dbsync_exec(db, sql_record, 3, params, NULL);
    CRASH_POINT("migration", "recorded");
    int end = dbsync_script(db, err == 0 ? "commit" : "rollback");
    CRASH_POINT("migration", "committed");
    buf_fini(&sum);
    if (err < 0 || end < 0)
        log_error("migration_failed", "migration=%04d_%s", m->number, m->name);
    else
        printf("applied %04d_%s\n", m->number, m->name);
    return err < 0 ? err : end;
}

int schema_migrate(struct dbsync *db, int64_t days)
{
    char kept[24];
    const char *params[] = {kept};
    int err = dbsync_script(db, sql_setup);
    if (err < 0)
        return err;
    CRASH_POINT("migrations", "locked");
    int applied = err = count_applied(db);
    snprintf(kept, sizeof kept, "%lld", (long long)days);
    if (applied == (int)migration_count)
        printf("the schema is up to date (%d)\n", applied);
    for (int i = applied; i >= 0 && i < (int)migration_count; i++) {
        err = apply(db, &migrations[i]);
        if (err < 0)
            break;
    }
    if (err >= 0)
        err = dbsync_exec(db, sql_days, 1, params, NULL);
    CRASH_POINT("migrations", "made");
    int unlocked = dbsync_script(db, sql_unlock);
    return err < 0 ? err : unlocked;
}

int schema_check(struct dbsync *db)
{
    struct dbsync_rows *rows;
    int err = dbsync_exec(db, sql_exists, 0, NULL, &rows);
    if (err < 0)
        return err;
    bool exists = strcmp(dbsync_text(rows, 0, 0), "t") == 0;
    dbsync_rows_free(rows);
    int applied = exists ? count_applied(db) : 0;
    if (applied < 0)
        return applied;
    if (applied < (int)migration_count) {
        log_error("schema_older", "applied=%d needed=%zu hint=\"run: posthorn migrate\"", applied,
                  migration_count);
        return ERR_CONFLICT;
    }
    return 0;
}
