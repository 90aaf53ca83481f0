/* One statement reads them, another writes what was made of them. */
#include "crier.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define DATA_MAX ((size_t)64 << 10) /* of each; a URL is the most of it */

void crier_init(struct crier *c, struct db *db)
{
    *c = (struct crier){.db = db};
}

void crier_fini(struct crier *c)
{
    db_cancel(c->op);
}

static void tell(int err)
{
    if (err < 0 && err != ERR_UNAVAILABLE)
        log_bounded(LOG_LEVEL_WARN, "notices_not_sent", "error=%s", err_name(err));
}

static void on_sent(void *arg, int err, const struct db_rows *rows)
{
    struct crier *c = arg;

    (void)rows;
    c->op = NULL;
    tell(err);
}

static void on_listed(void *arg, int err, const struct db_rows *rows)
{
    struct crier *c = arg;
    struct notice_event list[NOTICES_MAX];
    struct buf data[NOTICES_MAX];
    size_t count = 0, apps = 0;

    c->op = NULL;
    tell(err);
    for (int i = 0; err == 0 && i < db_count(rows) && count < NOTICES_MAX; i++) {
        struct notice notice;
        struct id id;
        bool found = notices_read(rows, i, &id, &notice);
        apps += i == 0 || !id_eq(notice.app, c->after);
        c->after = notice.app;
        if (!found)
            continue;
        buf_init(&data[count], DATA_MAX);
        notice_write(&data[count], &notice);
        list[count] = (struct notice_event){id, id_new(), str_of(notice_types[notice.kind]),
                                            buf_str(&data[count])};
        count++;
    }
    if (apps < NOTICES_MAX)
        c->after = (struct id){0};
    if (count > 0 || apps == NOTICES_MAX)
        c->next_ms = clock_mono_ms();
    if (count > 0)
        c->op = notices_send(c->db, list, count, on_sent, c);
    for (size_t i = 0; i < count; i++)
        buf_fini(&data[i]);
}

void crier_tick(struct crier *c)
{
    int64_t now = clock_mono_ms();

    if (c->op != NULL || !db_ready(c->db) || now < c->next_ms)
        return;
    c->next_ms = now + CRIER_MS;
    c->op = notices_list(c->db, c->after, on_listed, c);
}
