/* begin → take → refuse, accept → commit, and again until there is no more. The last three go together: when one fails, so
 * do those behind it. Queued is what was committed. */
#include "inbox.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"
#include "judge.h"
#include "store/store.h"
#include "store/work.h"

#include <stdlib.h>

#define ROWS_FIRST     64 /* nothing is known of how many deliveries they will have */
#define ROWS_SLOW      4  /* after a batch that took too long */
#define ROWS_MAX       512
#define DELIVERIES     1024 /* of a batch, about */
#define BYTES_MAX      (4 << 20)
#define TRIES_INVALID  3    /* of one that PostgreSQL refuses alone, for what it says */
#define TRIES_MAX      16   /* for anything else: ten minutes */
#define TRIES_LOCKED   6    /* of one that somebody holds up: it is never given up for that */
#define PASS_MS        1000 /* before the next; then twice as long */
#define PASS_MAX_MS    60000
#define DETAIL_MAX     512 /* of what is made, which may be DETAIL_ROOM */
#define DETAIL_ROOM    2048
#define LOOK_PART      50 /* a look may have a fiftieth of the time */
#define LOOK_MAX_MS    10000
#define PENDING_MAX    10000 /* entries for Redis: nothing is taken while there are more */
#define DB_QUEUE_MAX   16
#define DB_PATIENCE_MS 5000

static void begin(struct inbox *in);

/* --- apps that are passed over ---------------------------------------------------------------- */

static struct inbox_passed *find_passed(struct inbox *in, struct id app)
{
    for (size_t i = 0; i < in->passed_count && i < INBOX_PASSED_MAX; i++)
        if (id_eq(in->passed[i].app, app))
            return &in->passed[i];
    return NULL;
}

/* For the first of what is under way. */
static struct inbox_passed *pass(struct inbox *in)
{
    struct inbox_passed *passed = find_passed(in, in->app);

    if (passed == NULL)
        passed = &in->passed[in->passed_count++ % INBOX_PASSED_MAX];
    if (!id_eq(passed->app, in->app) || passed->number != in->number)
        *passed = (struct inbox_passed){.app = in->app, .number = in->number};
    passed->tries++;
    return passed;
}

static bool is_passed(struct inbox *in, struct id app)
{
    const struct inbox_passed *passed = find_passed(in, app);
    return passed != NULL && passed->until_ms > clock_mono_ms();
}

/* Why it is not tried again; NULL: it is. */
static const char *given_up(struct inbox *in, const struct published *p)
{
    const struct inbox_passed *passed = find_passed(in, p->event.app);

    if (passed == NULL || passed->number != p->number)
        return NULL;
    return passed->refused_for;
}

/* --- turns ------------------------------------------------------------------------------------ */

/* At the end of them, unless the app has one. */
static void add_turn(struct inbox *in, struct published_turn turn)
{
    for (size_t i = 0; i < in->turn_count; i++) {
        if (!id_eq(in->turns[i].app, turn.app))
            continue;
        if (turn.from < in->turns[i].from)
            in->turns[i].from = turn.from;
        return;
    }
    if (in->turn_count < INBOX_TURNS_MAX)
        in->turns[in->turn_count++] = turn;
}

/* Those that are first, but for apps that are passed over. */
static void take_turns(struct inbox *in)
{
    size_t left = 0;

    in->taking_count = 0;
    for (size_t i = 0; i < in->turn_count; i++) {
        if (in->taking_count < INBOX_APPS_MAX && (int64_t)in->taking_count < in->limit &&
            !is_passed(in, in->turns[i].app))
            in->taking[in->taking_count++] = in->turns[i];
        else
            in->turns[left++] = in->turns[i];
    }
    in->turn_count = left;
}

/* An app may have got another one meanwhile. */
static void put_first(struct inbox *in, struct published_turn turn)
{
    size_t i = 0;

    while (i < in->turn_count && !id_eq(in->turns[i].app, turn.app))
        i++;
    if (i < in->turn_count && in->turns[i].from < turn.from)
        turn.from = in->turns[i].from;
    else if (i == INBOX_TURNS_MAX)
        i--; /* the last has to be found again */
    in->turn_count += i == in->turn_count;
    memmove(&in->turns[1], in->turns, i * sizeof *in->turns);
    in->turns[0] = turn;
}

/* Before all others, for it was not their fault. */
static void give_turns_back(struct inbox *in)
{
    while (in->taking_count > 0)
        put_first(in, in->taking[--in->taking_count]);
}

/* Who had something may have more. */
static void end_turns(struct inbox *in)
{
    for (size_t i = 0; i < in->taking_count; i++)
        if (in->next[i] > 0)
            add_turn(in, (struct published_turn){in->taking[i].app, in->next[i]});
        else if (in->cut)
            add_turn(in, in->taking[i]);
    in->taking_count = 0;
}

/* --- what came of it -------------------------------------------------------------------------- */

static void forget_batch(struct inbox *in)
{
    free(in->entries);
    free(in->woken);
    free(in->apps);
    in->entries = NULL;
    in->woken = NULL;
    in->apps = NULL;
    in->err = 0;
    in->taken = in->refused = in->entry_count = in->event_count = 0;
    in->accepted = in->deliveries = 0;
    in->cut = false;
    memset(in->next, 0, sizeof in->next);
}

static void rest(struct inbox *in)
{
    give_turns_back(in);
    in->busy = false;
    in->limit = ROWS_FIRST;
}

/* Without Redis what is due is found in the ledger. */
static void enqueue(struct inbox *in)
{
    for (size_t i = 0; queue_up(in->queue) && i < in->entry_count; i++)
        queue_enqueue(in->queue, &in->entries[i], 1, in->woken[i] ? QUEUE_WOKEN : QUEUE_GENTLE);
}

/* As many as have DELIVERIES, by what these have, but not many more at a time. */
static void grow(struct inbox *in)
{
    int64_t each = in->accepted > 0 ? (in->deliveries + in->accepted - 1) / in->accepted : 1;
    int64_t most = DELIVERIES / (each > 0 ? each : 1);

    in->limit *= 2;
    in->limit = in->limit < ROWS_MAX ? in->limit : ROWS_MAX;
    in->limit = in->limit < most ? in->limit : most > 0 ? most : 1;
}

static void count_accepted(struct inbox *in)
{
    for (size_t i = 0; i < in->event_count; i++)
        if (!id_eq(in->apps[i], (struct id){0}))
            accepts_count(in->accepts, in->apps[i], 1);
}

static void on_stored(struct inbox *in)
{
    enqueue(in);
    count_accepted(in);
    metric_add(METRIC_PUBLISHED, in->accepted);
    metric_add(METRIC_PUBLISHED_REFUSED, (int64_t)in->refused);
    grow(in);
    end_turns(in);
    begin(in);
}

/* Errors that one of them may have caused, whatever the others are: a row may be locked that only one of them wants. */
static bool is_of_one(int err)
{
    return err == ERR_LOCKED || err == ERR_CONFLICT || err == ERR_INVALID || err == ERR_INTERNAL ||
           err == ERR_TOO_LARGE || err == ERR_WRONG_STATE;
}

static void on_days_made(void *arg, int err, const struct db_rows *rows)
{
    struct inbox *in = arg;

    (void)rows;
    in->ops[INBOX_DAYS] = NULL;
    if (err < 0)
        rest(in);
    else
        begin(in);
}

/* Alone: later, or never. What failed may have wanted the partition of a day that nobody had made. */
static void put_off(struct inbox *in, int err)
{
    struct inbox_passed *passed = pass(in);
    char app[ID_TEXT_SIZE];

    log_bounded(LOG_LEVEL_WARN, "publish_put_off", "app=%s error=%s tries=%d",
                id_text(app, ID_APP, in->app), err_name(err), passed->tries);
    if (err == ERR_WRONG_STATE) { /* its fan-outs have to end first */
        metric_add(METRIC_FANOUTS_PER_APP_MET, 1);
        passed->tries = 0;
    }
    if (err == ERR_LOCKED && passed->tries > TRIES_LOCKED)
        passed->tries = TRIES_LOCKED;
    if (err == ERR_TOO_LARGE)
        passed->refused_for = "webhooks";
    else if (passed->tries >= (err == ERR_INVALID ? TRIES_INVALID : TRIES_MAX))
        passed->refused_for = "failed";
    if (err == ERR_INVALID && passed->tries == 1) {
        in->ops[INBOX_DAYS] = work_partitions_make(in->db, in->retention_days, on_days_made, in);
        return;
    }
    int64_t pass_ms = passed->tries < 7 ? PASS_MS << passed->tries >> 1 : PASS_MAX_MS;
    passed->until_ms = passed->refused_for != NULL ? 0 : clock_mono_ms() + pass_ms;
    begin(in);
}

static void on_failed(struct inbox *in)
{
    if (!is_of_one(in->err) || in->taken == 0) {
        rest(in); /* until the next tick */
        in->limit = in->err == ERR_TIMEOUT ? ROWS_SLOW : ROWS_FIRST;
    } else if (in->taken > 1) {
        in->limit = 1;
        give_turns_back(in);
        begin(in);
    } else {
        for (size_t i = 0; i < in->taking_count; i++) /* behind all others */
            add_turn(in, in->taking[i]);
        in->taking_count = 0;
        put_off(in, in->err);
    }
}

static void on_committed(void *arg, int err, const struct db_rows *rows)
{
    struct inbox *in = arg;

    (void)rows;
    in->ops[INBOX_COMMIT] = NULL;
    in->err = in->err < 0 ? in->err : err;
    if (in->err < 0)
        on_failed(in);
    else
        on_stored(in);
}

/* --- a batch ---------------------------------------------------------------------------------- */

static void on_refused(void *arg, int err, const struct db_rows *rows)
{
    struct inbox *in = arg;

    (void)rows;
    in->ops[INBOX_REFUSE] = NULL;
    in->err = err;
}

static void on_accepted(void *arg, int err, const struct db_rows *rows)
{
    struct inbox *in = arg;
    struct event_accepted row;
    size_t count = err == 0 ? (size_t)db_count(rows) : 0;

    in->ops[INBOX_ACCEPT] = NULL;
    in->err = in->err < 0 ? in->err : err;
    in->entries = xcalloc(count + 1, sizeof *in->entries);
    in->woken = xcalloc(count + 1, sizeof *in->woken);
    for (size_t i = 0, last = SIZE_MAX; i < count; i++) {
        events_read_accepted(rows, (int)i, &row);
        if (row.queued) {
            in->woken[in->entry_count] = !row.of_event;
            in->entries[in->entry_count++] = row.entry;
        }
        if (!row.of_event)
            continue;
        in->deliveries += row.deliveries;
        if (row.index != last && row.differs) {
            in->refused++;
            in->apps[row.index] = (struct id){0};
        } else if (row.index != last) {
            in->accepted++;
        }
        last = row.index;
    }
}

static void tell_refused(const struct published *p, const char *reason)
{
    char event[ID_TEXT_SIZE], app[ID_TEXT_SIZE];

    log_bounded(LOG_LEVEL_WARN, "publish_refused", "event=%s app=%s reason=%s",
                id_text(event, ID_EVENT, p->event.id), id_text(app, ID_APP, p->event.app), reason);
}

/* Those of the rows that may be events, and those that may not. */
struct sorted {
    struct published *rows;
    const struct event_new **events;
    int64_t *numbers;
    struct refusal *refusals;
    struct buf *details;
    size_t taken, event_count, refusal_count;
};

static void sorted_init(struct sorted *s, size_t n)
{
    *s = (struct sorted){.rows = xcalloc(n, sizeof *s->rows),
                         .events = xcalloc(n, sizeof *s->events),
                         .numbers = xcalloc(n, sizeof *s->numbers),
                         .refusals = xcalloc(n, sizeof *s->refusals),
                         .details = xcalloc(n, sizeof *s->details)};
}

static void sorted_fini(struct sorted *s)
{
    for (size_t i = 0; i < s->taken; i++)
        buf_fini(&s->details[i]);
    free(s->rows);
    free(s->events);
    free(s->numbers);
    free(s->refusals);
    free(s->details);
}

static void sort_one(struct inbox *in, struct sorted *s, struct judge *judge,
                     const struct db_rows *rows)
{
    size_t i = s->taken++;
    struct published *p = &s->rows[i];
    const char *reason;

    buf_init(&s->details[i], DETAIL_ROOM);
    published_read(rows, (int)i, p);
    reason = judge_event(judge, p, &s->details[i]);
    if (reason == NULL)
        reason = given_up(in, p);
    if (reason == NULL) {
        s->events[s->event_count] = &p->event;
        s->numbers[s->event_count++] = p->number;
        return;
    }
    tell_refused(p, reason);
    struct str detail = str_cut(buf_str(&s->details[i]), DETAIL_MAX);
    s->refusals[s->refusal_count++] = (struct refusal){
        p->event.app, p->number, reason, detail.n > 0 ? detail : (struct str){NULL, 0}};
}

/* How far apps have come. */
static void note_turns(struct inbox *in, const struct sorted *s)
{
    for (size_t i = 0, turn = 0; i < s->taken; i++) {
        while (!id_eq(in->taking[turn].app, s->rows[i].event.app))
            turn++;
        in->next[turn] = s->rows[i].number + 1;
    }
}

static void sort_rows(struct inbox *in, struct sorted *s, const struct db_rows *rows)
{
    size_t n = (size_t)db_count(rows);
    struct judge judge;

    sorted_init(s, n);
    judge_init(&judge, n, in->retention_days);
    while (s->taken < n && !judge_is_tired(&judge))
        sort_one(in, s, &judge, rows);
    judge_fini(&judge);
    in->cut = s->taken < n || published_is_cut(rows, 0);
    note_turns(in, s);
    in->app = s->rows[0].event.app;
    in->number = s->rows[0].number;
    in->taken = s->taken;
    in->refused = s->refusal_count;
}

static void accept(struct inbox *in, const struct sorted *s)
{
    in->event_count = s->event_count;
    in->apps = xcalloc(s->event_count, sizeof *in->apps);
    for (size_t i = 0; i < s->event_count; i++)
        in->apps[i] = s->events[i]->app;
    in->ops[INBOX_ACCEPT] =
        events_accept_published(in->db, s->events, s->numbers, s->event_count, on_accepted, in);
}

static void on_taken(void *arg, int err, const struct db_rows *rows)
{
    struct inbox *in = arg;
    struct sorted s = {0};

    in->ops[INBOX_TAKE] = NULL;
    in->err = err;
    if (err == 0 && db_count(rows) > 0)
        sort_rows(in, &s, rows);
    if (s.refusal_count > 0)
        in->ops[INBOX_REFUSE] =
            published_refuse(in->db, s.refusals, s.refusal_count, on_refused, in);
    if (s.event_count > 0)
        accept(in, &s);
    in->ops[INBOX_COMMIT] = store_commit(in->db, on_committed, in);
    sorted_fini(&s);
}

/* If it could not, what is taken is taken in parts that are whole each. */
static void on_begun(void *arg, int err, const struct db_rows *rows)
{
    struct inbox *in = arg;

    (void)err;
    (void)rows;
    in->ops[INBOX_BEGIN] = NULL;
}

static void begin(struct inbox *in)
{
    forget_batch(in);
    if (in->stopped || (queue_up(in->queue) && queue_pending(in->queue) > PENDING_MAX)) {
        rest(in);
        return;
    }
    take_turns(in);
    if (in->taking_count == 0) {
        rest(in);
        return;
    }
    in->busy = true;
    in->ops[INBOX_BEGIN] = store_begin(in->db, on_begun, in);
    in->ops[INBOX_TAKE] =
        published_take(in->db, in->taking, in->taking_count, in->limit, BYTES_MAX, on_taken, in);
}

/* --- when ------------------------------------------------------------------------------------- */

static void on_notify(void *arg, const char *channel, const char *payload)
{
    struct inbox *in = arg;
    struct published_turn turn;

    (void)channel;
    if (published_hear(payload, &turn))
        add_turn(in, turn);
    if (!in->busy)
        begin(in);
}

/* What takes long is done seldom. */
static void on_looked(void *arg, int err, const struct db_rows *rows)
{
    struct inbox *in = arg;
    int64_t now = clock_mono_ms();
    int n = err == 0 ? db_count(rows) : 0;

    in->ops[INBOX_LOOK] = NULL;
    in->look_ms = now + LOOK_PART * (now - in->look_began_ms);
    if (in->look_ms > now + LOOK_MAX_MS) /* it had to wait for what was under way */
        in->look_ms = now + LOOK_MAX_MS;
    in->looked_at = (struct id){0};
    for (int i = 0; i < n; i++)
        add_turn(in, published_read_turn(rows, i));
    if (n == PUBLISHED_LOOK_MAX)
        in->looked_at = published_read_turn(rows, n - 1).app;
    if (in->turn_count > 0 && !in->busy)
        begin(in);
}

static void look(struct inbox *in)
{
    if (in->ops[INBOX_LOOK] != NULL || in->stopped || !db_ready(in->db))
        return;
    in->look_began_ms = clock_mono_ms();
    in->ops[INBOX_LOOK] = published_look(in->db, in->looked_at, on_looked, in);
}

static void on_listening(void *arg)
{
    look(arg);
}

void inbox_tick(struct inbox *in)
{
    if (clock_mono_ms() >= in->look_ms)
        look(in);
    else if (!in->busy && in->turn_count > 0 && db_ready(in->db))
        begin(in);
}

void inbox_init(struct inbox *in, struct loop *loop, const char *database_url, struct queue *queue,
                struct accepts *accepts, int64_t retention_days)
{
    *in = (struct inbox){
        .queue = queue, .accepts = accepts, .retention_days = retention_days, .limit = ROWS_FIRST};
    in->db = db_create(loop, &(struct db_config){.url = database_url,
                                                 .session = store_inbox_session,
                                                 .stmts = store_inbox_stmts,
                                                 .listens = store_inbox_listens,
                                                 .connections = 1,
                                                 .queue_max = DB_QUEUE_MAX,
                                                 .patience_ms = DB_PATIENCE_MS,
                                                 .on_listening = on_listening,
                                                 .on_notify = on_notify,
                                                 .arg = in});
}

void inbox_stop(struct inbox *in)
{
    in->stopped = true;
}

bool inbox_idle(const struct inbox *in)
{
    return !in->busy;
}

void inbox_fini(struct inbox *in)
{
    for (size_t i = 0; i < INBOX_STEPS; i++)
        db_cancel(in->ops[i]);
    db_destroy(in->db);
    forget_batch(in);
}
