/* What is gathered of an app is a node in a list, by the time of the first of it. */
#include "store/accepts.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/idmap.h"
#include "base/list.h"
#include "base/log.h"
#include "store/tallies.h"

#include <stdlib.h>

#define AFTER_MS 5000
#define AGAIN_MS 1000 /* while there is no database */
#define HOUR_MS  3600000

struct gathered {
    struct list node;
    struct tally_accepted row;
    int64_t begun_ms; /* monotonic */
};

struct accepts {
    struct db *db;
    struct db_op *op;
    struct timeout *due;
    struct list waiting;  /* the oldest first */
    struct idmap of_apps; /* of what is waiting */
    bool ending;
};

static void on_due(void *arg);

struct accepts *accepts_create(struct loop *loop, struct db *db)
{
    struct accepts *a = xcalloc(1, sizeof *a);

    a->db = db;
    a->due = timeout_create(loop, on_due, a);
    list_init(&a->waiting);
    return a;
}

static struct gathered *pop(struct accepts *a)
{
    struct list *node = list_pop(&a->waiting);
    return node != NULL ? CONTAINER_OF(node, struct gathered, node) : NULL;
}

void accepts_destroy(struct accepts *a)
{
    if (a == NULL)
        return;
    db_cancel(a->op);
    timeout_destroy(a->due);
    for (struct gathered *g; (g = pop(a)) != NULL;)
        free(g);
    idmap_fini(&a->of_apps);
    free(a);
}

/* When the oldest has waited long enough. */
static void wait_for_more(struct accepts *a)
{
    if (list_empty(&a->waiting) || a->op != NULL)
        return;
    const struct gathered *oldest = CONTAINER_OF(a->waiting.next, struct gathered, node);
    int64_t left = oldest->begun_ms + AFTER_MS - clock_mono_ms();
    timeout_set(a->due, left > 0 && !a->ending ? left : 0);
}

static void on_added(void *arg, int err, const struct db_rows *rows)
{
    struct accepts *a = arg;

    (void)rows;
    a->op = NULL;
    if (err < 0)
        log_bounded(LOG_LEVEL_WARN, "accepts_lost", "error=%s", err_name(err));
    wait_for_more(a);
}

static void add(struct accepts *a)
{
    struct tally_accepted rows[TALLY_ROWS_MAX];
    struct gathered *g;
    size_t count = 0;

    while (count < TALLY_ROWS_MAX && (g = pop(a)) != NULL) {
        idmap_set(&a->of_apps, g->row.app, NULL);
        rows[count++] = g->row;
        free(g);
    }
    if (count > 0)
        a->op = tallies_add_accepted(a->db, rows, count, on_added, a);
}

static void on_due(void *arg)
{
    struct accepts *a = arg;

    if (!db_ready(a->db))
        timeout_set(a->due, AGAIN_MS);
    else if (a->op == NULL)
        add(a);
}

static struct gathered *find(struct accepts *a, struct id app)
{
    struct gathered *g = idmap_get(&a->of_apps, app);

    if (g != NULL)
        return g;
    if (a->of_apps.count == ACCEPTS_APPS_MAX) {
        log_bounded(LOG_LEVEL_WARN, "accepts_bounded", "apps=%d", ACCEPTS_APPS_MAX);
        return NULL;
    }
    int64_t now_ms = clock_wall_ms();
    g = xcalloc(1, sizeof *g);
    g->begun_ms = clock_mono_ms();
    g->row = (struct tally_accepted){.app = app, .hour_ms = now_ms - now_ms % HOUR_MS};
    list_push(&a->waiting, &g->node);
    idmap_set(&a->of_apps, app, g);
    return g;
}

void accepts_count(struct accepts *a, struct id app, int64_t events)
{
    struct gathered *g = find(a, app);

    if (g == NULL)
        return;
    g->row.events += events;
    if (!timeout_is_set(a->due))
        wait_for_more(a);
}

bool accepts_end(struct accepts *a)
{
    a->ending = true;
    if (a->op == NULL && db_ready(a->db))
        add(a);
    return (a->op == NULL && list_empty(&a->waiting)) || !db_ready(a->db);
}
