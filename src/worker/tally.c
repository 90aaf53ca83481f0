/* What is gathered of a webhook is a node in a list, by the time of the first of it. */
#include "tally.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fair.h"
#include "base/log.h"
#include "store/issues.h"

#include <stdlib.h>

#define HOUR_MS 3600000

struct gathered {
    struct list node;
    struct tally_row row;
    struct list failures; /* by error and code: few */
    int codes;            /* of answers among them */
    int64_t begun_ms;     /* monotonic */
};

struct failure {
    struct list node;
    struct issue_row row;
};

/* Each error once, and codes of answers, and 0 for those beyond. */
#define FAILURES_MAX (ATTEMPT_ERRORS + TALLY_CODES_MAX)
_Static_assert(TALLY_ROWS_MAX *FAILURES_MAX <= ISSUE_ROWS_MAX, "a statement has room for all");

void tally_init(struct tally *t, struct db *db)
{
    *t = (struct tally){.db = db};
    list_init(&t->waiting);
    list_init(&t->sent);
}

static struct gathered *gathered_at(struct list *node)
{
    return CONTAINER_OF(node, struct gathered, node);
}

static struct failure *failure_at(struct list *node)
{
    return CONTAINER_OF(node, struct failure, node);
}

static void forget(struct list *list)
{
    struct list *node, *of_it;

    while ((node = list_pop(list)) != NULL) {
        while ((of_it = list_pop(&gathered_at(node)->failures)) != NULL)
            free(failure_at(of_it));
        free(gathered_at(node));
    }
}

void tally_fini(struct tally *t)
{
    db_cancel(t->op);
    forget(&t->waiting);
    forget(&t->sent);
    idmap_fini(&t->of_webhooks);
    idmap_fini(&t->of_apps);
}

static void count_webhooks(struct tally *t, struct id app, int n)
{
    intptr_t count = (intptr_t)idmap_get(&t->of_apps, app) + n;
    idmap_set(&t->of_apps, app, (void *)count);
}

static struct gathered *find(struct tally *t, const struct attempt *a)
{
    struct gathered *g = idmap_get(&t->of_webhooks, a->webhook);

    if (g != NULL)
        return g;
    size_t own = (size_t)(intptr_t)idmap_get(&t->of_apps, a->ref.app);
    if (!fair_fits(TALLY_WEBHOOKS_MAX, t->of_webhooks.count, own, 1)) {
        char app[ID_TEXT_SIZE];
        log_bounded(LOG_LEVEL_WARN, "tally_bounded", "app=%s webhooks=%zu",
                    id_text(app, ID_APP, a->ref.app), own);
        return NULL;
    }
    g = xcalloc(1, sizeof *g);
    g->begun_ms = clock_mono_ms();
    list_init(&g->failures);
    g->row.app = a->ref.app;
    g->row.webhook = a->webhook;
    g->row.hour_ms = a->finish.started_ms - a->finish.started_ms % HOUR_MS;
    list_push(&t->waiting, &g->node);
    idmap_set(&t->of_webhooks, a->webhook, g);
    count_webhooks(t, a->ref.app, 1);
    return g;
}

static struct failure *find_failure(struct gathered *g, int error, int64_t code)
{
    LIST_FOREACH(node, &g->failures)
    {
        struct failure *f = failure_at(node);
        if (f->row.error == error && f->row.code == code)
            return f;
    }
    return NULL;
}

/* Codes beyond the first few are one, so that no receiver makes the list long. */
static struct failure *failure_of(struct gathered *g, int error, int64_t code)
{
    struct failure *f = find_failure(g, error, code);

    if (f == NULL && code > 0 && g->codes == TALLY_CODES_MAX)
        return failure_of(g, error, 0);
    if (f != NULL)
        return f;
    g->codes += code > 0;
    f = xcalloc(1, sizeof *f);
    f->row = (struct issue_row){
        .id = id_new(),
        .app = g->row.app,
        .webhook = g->row.webhook,
        .error = error,
        .code = code,
    };
    list_push(&g->failures, &f->node);
    return f;
}

static void count_failure(struct gathered *g, const struct finish *finish, int64_t ended_ms)
{
    int64_t code = finish->error == ATTEMPT_HTTP_STATUS ? finish->code : 0;
    struct issue_row *row = &failure_of(g, finish->error, code)->row;

    row->first_ms = row->attempts == 0 || ended_ms < row->first_ms ? ended_ms : row->first_ms;
    row->attempts++;
    if (ended_ms >= row->last_ms) {
        row->last_ms = ended_ms;
        row->delivery = finish->delivery;
    }
    if (finish->state != DELIVERY_FAILED)
        return;
    int64_t made_ms = id_time_ms(finish->delivery);
    row->deliveries++;
    row->oldest_ms = row->oldest_ms == 0 || made_ms < row->oldest_ms ? made_ms : row->oldest_ms;
}

void tally_count(struct tally *t, const struct attempt *a)
{
    const struct finish *f = &a->finish;
    int64_t ended_ms = f->started_ms + f->total_us / 1000;
    struct gathered *g = f->test ? NULL : find(t, a);

    if (g == NULL)
        return;
    g->row.attempts++;
    g->row.exhausted += f->state == DELIVERY_FAILED;
    g->row.retried += f->number > 1;
    g->row.times[tallies_class(f->total_us)]++;
    if (f->state == DELIVERY_DELIVERED) {
        g->row.succeeded++;
        g->row.last_success_ms = ended_ms;
    } else {
        g->row.last_fail_ms = ended_ms;
        count_failure(g, f, ended_ms);
    }
}

static void send(struct tally *t);

static void on_issues_added(void *arg, int err, const struct db_rows *rows)
{
    struct tally *t = arg;

    (void)rows;
    t->op = NULL;
    if (err < 0)
        log_bounded(LOG_LEVEL_WARN, "issues_lost", "error=%s", err_name(err));
    forget(&t->sent);
    send(t);
}

/* False: nothing of what was sent has failed. */
static bool send_issues(struct tally *t)
{
    const struct issue_row *list[ISSUE_ROWS_MAX];
    size_t count = 0;

    LIST_FOREACH(node, &t->sent)
    {
        LIST_FOREACH(of_it, &gathered_at(node)->failures)
        {
            assert(count < ISSUE_ROWS_MAX);
            list[count++] = &failure_at(of_it)->row;
        }
    }
    if (count > 0)
        t->op = issues_add(t->db, list, count, on_issues_added, t);
    return count > 0;
}

static void on_added(void *arg, int err, const struct db_rows *rows)
{
    struct tally *t = arg;

    (void)rows;
    t->op = NULL;
    if (err < 0)
        log_bounded(LOG_LEVEL_WARN, "tally_lost", "error=%s", err_name(err));
    if (send_issues(t))
        return;
    forget(&t->sent);
    send(t);
}

static void send(struct tally *t)
{
    const struct tally_row *list[TALLY_ROWS_MAX];
    int64_t now_ms = clock_mono_ms();
    size_t count = 0;

    while (count < TALLY_ROWS_MAX && !list_empty(&t->waiting)) {
        struct gathered *g = gathered_at(t->waiting.next);
        if (!t->ending && now_ms - g->begun_ms < TALLY_AFTER_MS)
            break;
        list_remove(&g->node);
        list_push(&t->sent, &g->node);
        idmap_set(&t->of_webhooks, g->row.webhook, NULL);
        count_webhooks(t, g->row.app, -1);
        list[count++] = &g->row;
    }
    if (count > 0)
        t->op = tallies_add(t->db, list, count, on_added, t);
}

void tally_tick(struct tally *t)
{
    if (t->op == NULL && db_ready(t->db))
        send(t);
}

bool tally_end(struct tally *t)
{
    t->ending = true;
    tally_tick(t);
    return (t->op == NULL && list_empty(&t->waiting)) || !db_ready(t->db);
}
