/* Notices that wait to become events: triggers and the statement that records attempts put them there, where the app has a
 * webhook that asks for them (migrations/0028_notices.sql). */
#ifndef STORE_NOTICES_H
#define STORE_NOTICES_H

#include "core/notice.h"
#include "io/db.h"

#define NOTICES_MAX 32 /* at once */

/* The next apps behind `after` of which there are any, NOTICES_MAX at most, with their shares of so many that have waited
 * long enough, the oldest first. None of an app with fan-outs enough: its own events have room beside them. */
struct db_op *notices_list(struct db *db, struct id after, db_cb *cb, void *arg);

/* False: of this app, none. Texts are the row's. */
bool notices_read(const struct db_rows *rows, int row, struct id *id, struct notice *notice);

/* Of a notice an event: its id, its type and its data, an object. */
struct notice_event {
    struct id notice, event;
    struct str type, data;
};

/* Makes them events of their apps, each with a job that brings it to the webhooks that ask for it; of those that are
 * there yet: somebody else may have done it. No rows. */
struct db_op *notices_send(struct db *db, const struct notice_event *list, size_t count, db_cb *cb,
                           void *arg);

extern const struct db_stmt stmt_notice_list, stmt_notice_send;

#endif
