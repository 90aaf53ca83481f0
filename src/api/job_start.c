/* What begins a job: replay, retry by filter, backfill, erasing by filter. First it is planned, which counts what it would do;
 * a dry run ends there. */
#include "base/clock.h"
#include "base/host.h"
#include "base/metrics.h"
#include "core/filter.h"
#include "core/uid.h"
#include "deed.h"
#include "input.h"
#include "job_view.h"
#include "names.h"
#include "page.h"
#include "reply.h"
#include "resources.h"
#include "result.h"

#define ACTIVE_TEXT TEXT_OF(JOB_ACTIVE_MAX)

struct start_input {
    int64_t since, until, code;
    int status;
    struct str type, error, webhook, event, host;
    bool dry_run;
};

/* Each kind takes the first few. */
enum {
    IN_SINCE,
    IN_UNTIL,
    IN_TYPE,
    IN_DRY_RUN,
    EVENT_FIELDS,
    IN_STATUS = EVENT_FIELDS,
    IN_ERROR,
    IN_CODE,
    REPLAY_FIELDS,
    IN_WEBHOOK = REPLAY_FIELDS,
    IN_EVENT,
    IN_HOST,
    RETRY_FIELDS,
};

/* What is pending goes out by itself. */
static const char *const state_names[] = {"failed", "cancelled", "delivered", "held", NULL};
static const enum delivery_state states[] = {DELIVERY_FAILED, DELIVERY_CANCELLED,
                                             DELIVERY_DELIVERED, DELIVERY_HELD};

static const char *check_error(struct str code)
{
    return attempt_error_of(code) != 0 ? NULL : "must be a code of `last_error`, such as timed_out";
}

static const char *check_webhook(struct str text)
{
    struct id id;
    return id_parse(text, ID_WEBHOOK, &id) || uid_is_possible(text)
               ? NULL
               : "must be the id or the uid of a webhook";
}

static const char *check_event(struct str text)
{
    struct id id;
    return id_parse(text, ID_EVENT, &id) ? NULL : "must be the id of an event";
}

#define AT(member) offsetof(struct start_input, member)

static const struct field fields[] = {
    [IN_SINCE] = {"since", FIELD_TIME, AT(since), FIELD_NULLABLE},
    [IN_UNTIL] = {"until", FIELD_TIME, AT(until), FIELD_NULLABLE},
    [IN_TYPE] = {"event_type", FIELD_STR, AT(type), FIELD_NULLABLE, .min = 1, .max = EVENT_TYPE_MAX,
                 .check = event_type_check},
    [IN_DRY_RUN] = {"dry_run", FIELD_BOOL, AT(dry_run), FIELD_NULLABLE},
    [IN_STATUS] = {"status", FIELD_ENUM, AT(status), FIELD_NULLABLE, .names = state_names},
    [IN_ERROR] = {"error_code", FIELD_STR, AT(error), FIELD_NULLABLE, .min = 1, .max = 64,
                  .check = check_error},
    [IN_CODE] = {"response_code", FIELD_I64, AT(code), FIELD_NULLABLE, .min = 100, .max = 599},
    [IN_WEBHOOK] = {"webhook_id", FIELD_STR, AT(webhook), FIELD_NULLABLE, .max = UID_MAX,
                    .check = check_webhook},
    [IN_EVENT] = {"event_id", FIELD_STR, AT(event), FIELD_NULLABLE, .max = ID_TEXT_SIZE,
                  .check = check_event},
    [IN_HOST] = {"url_host", FIELD_STR, AT(host), FIELD_NULLABLE, .min = 1, .max = HOST_MAX},
};

/* Of those that a request begins. */
static const struct {
    bool of_webhook; /* that the path names */
    size_t fields;
    enum audit_action action;
} kinds[JOB_KINDS] = {
    [JOB_REPLAY] = {true, REPLAY_FIELDS, AUDIT_JOB_REPLAY},
    [JOB_RETRY] = {false, RETRY_FIELDS, AUDIT_JOB_RETRY},
    [JOB_BACKFILL] = {true, EVENT_FIELDS, AUDIT_JOB_BACKFILL},
    [JOB_ERASE] = {false, EVENT_FIELDS, AUDIT_JOB_ERASE},
};

struct start {
    enum job_kind kind;
    struct job_choice choice;
    struct job_plan plan;
    struct str webhook; /* that the body names; p == NULL: none */
    bool dry_run;
};

static void on_begun(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    char text[ID_TEXT_SIZE];
    struct job job;

    if (!result_ok(call, err))
        return;
    if (db_count(rows) == 0) {
        metric_add(METRIC_JOBS_PER_APP_MET, 1);
        reply_error(call, ERR_CONFLICT,
                    ACTIVE_TEXT " jobs of this app have not ended; wait for one, or cancel one");
        return;
    }
    jobs_read(rows, 0, &job);
    reply_location(call, "/jobs", id_text(text, ID_JOB, job.id));
    job_write(reply_begin(call), &job, false);
    reply_send(call, 202);
}

static void reply_plan(struct call *call, const struct start *start)
{
    const struct job_choice *c = &start->choice;
    struct job job = {
        .id = id_new(),
        .kind = start->kind,
        .state = JOB_DONE,
        .one = c->one,
        .webhook = c->webhook,
        .chosen_state = kinds[start->kind].fields > EVENT_FIELDS ? (int)c->state : -1,
        .error = c->error,
        .code = c->code,
        .type = c->type,
        .since_ms = id_time_ms(c->since),
        .before_ms = id_time_ms(c->before),
        .plan = start->plan,
        .of_event = c->of_event,
        .event = c->event,
        .host = c->host,
    };

    job.ended_ms = id_time_ms(job.id);
    job_write(reply_begin(call), &job, true);
    reply_send(call, 202);
}

static void on_planned(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    struct start *start = call->state;

    if (!result_ok(call, err))
        return;
    if (db_count(rows) == 0) {
        reply_error(call, ERR_NOT_FOUND,
                    "No webhook of this app has this id or uid, or it is disabled");
        return;
    }
    jobs_read_plan(rows, &start->plan);
    if (start->dry_run)
        reply_plan(call, start);
    else
        call->op = jobs_insert(call->api->db, id_new(), start->kind, &start->choice, &start->plan,
                               deed_of(call, kinds[start->kind].action), on_begun, call);
}

static void plan(struct call *call)
{
    struct start *start = call->state;
    struct job_choice *c = &start->choice;

    if (start->webhook.p != NULL)
        c->one = id_parse(start->webhook, ID_WEBHOOK, &c->webhook);
    if (page_has_room(call))
        call->op = jobs_plan(call->api->reads, start->kind, c, on_planned, call);
}

static void begin(struct call *call, enum job_kind kind)
{
    struct start_input in = {.until = clock_wall_ms() + 1};
    struct start *start = call->state = call_alloc(call, sizeof *start);
    struct job_choice *c = &start->choice;

    if ((kinds[kind].of_webhook && !input_id(call, 0, ID_WEBHOOK, &c->webhook)) ||
        !input_body(call, fields, kinds[kind].fields, &in))
        return;
    start->kind = kind;
    start->dry_run = in.dry_run;
    c->app = call->app;
    c->one = kinds[kind].of_webhook;
    start->webhook = in.webhook;
    c->state = states[in.status];
    c->error = attempt_error_of(in.error);
    c->code = in.code;
    c->type = in.type;
    c->since = id_floor(in.since);
    c->before = id_floor(in.until);
    c->host = in.host;
    c->of_event = id_parse(in.event, ID_EVENT, &c->event);
    if (c->of_event)
        jobs_narrow(c);
    if (names_resolve_text(call, NAMED_WEBHOOK, &start->webhook, plan))
        plan(call);
}

void handle_webhooks_replay(struct call *call)
{
    begin(call, JOB_REPLAY);
}

void handle_webhooks_backfill(struct call *call)
{
    begin(call, JOB_BACKFILL);
}

void handle_deliveries_retry_by_filter(struct call *call)
{
    begin(call, JOB_RETRY);
}

void handle_events_erase(struct call *call)
{
    begin(call, JOB_ERASE);
}
