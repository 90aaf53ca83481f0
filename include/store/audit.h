/* The audit log. A function that changes something takes the deed, and its statement writes the row with the change:
 * what changes nothing leaves none. */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "core/audit.h"
#include "io/db.h"

#define DEED_FIELDS_MAX 32

/* Who does what. Texts are borrowed until the function that takes it returns. */
struct deed {
    enum audit_action action;
    enum audit_actor actor;
    struct id key, request;              /* nil: none */
    struct str address;                  /* p == NULL: none */
    const char *fields[DEED_FIELDS_MAX]; /* that it sets; never what it sets them to */
    size_t field_count;
};

struct audit_entry {
    struct id id;
    bool has_app;
    struct id app;
    int64_t action, actor;        /* numbers that a later release may have added to */
    struct id key, request;       /* nil: none */
    struct str key_name, address; /* p == NULL: none */
    struct id resource;           /* or, if it is nil, */
    struct str name;
    struct db_array fields; /* of text */
};
void audit_read(const struct db_rows *rows, int row, struct audit_entry *entry);

struct audit_filter {
    struct id from, before; /* ids, the first included, the second not */
    int action;             /* < 0: any */
    struct id key;          /* nil: anybody's */
    struct id resource;     /* nil: any, unless it is a name */
    struct str name;        /* p == NULL */
};

/* Newest first, for page_reply() with a scan that ends at AUDIT_SCAN. */
#define AUDIT_SCAN 11
struct db_op *audit_list(struct db *db, struct id app, const struct audit_filter *filter, int limit,
                         db_cb *cb, void *arg);

/* The same of all apps, and of none. */
struct db_op *audit_list_all(struct db *db, const struct audit_filter *filter, int limit, db_cb *cb,
                             void *arg);

/* Takes away what is older than `days`, and what an app after `after` has above `rows`: at most `limit`. A row: how many of
 * each, and the app after which it is to go on, or NULL when it has looked at all of them. */
struct db_op *audit_forget(struct db *db, int64_t days, int64_t rows, int limit, struct id after,
                           db_cb *cb, void *arg);

extern const struct db_stmt stmt_audit_list, stmt_audit_list_all, stmt_audit_forget;

#endif
