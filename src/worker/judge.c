/* A list of rules, in the order in which they are cheap. */
#include "judge.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "core/order.h"
#include "core/schema.h"
#include "store/apps.h"

#include <stdlib.h>

#define DEPTH_MAX  (JSON_DEPTH_MAX - 1) /* data has a level of the API's bodies around it */
#define DATA_MAX   1048000              /* as event_publish() in migrations/ has it */
#define FAULTS_MAX 5

struct known_schema {
    struct id app;
    struct str type;
    struct schema *schema; /* NULL: it cannot be read */
};

void judge_init(struct judge *j, size_t rows, int64_t retention_days)
{
    *j = (struct judge){.last_ms = clock_wall_ms() + retention_days * 86400000};
    j->known = xcalloc(rows + 1, sizeof *j->known);
}

void judge_fini(struct judge *j)
{
    for (size_t i = 0; i < j->known_count; i++)
        schema_destroy(j->known[i].schema);
    free(j->known);
}

bool judge_is_tired(const struct judge *j)
{
    return j->steps >= SCHEMA_STEPS_MAX;
}

static const struct schema *schema_of(struct judge *j, const struct published *p)
{
    for (size_t i = j->known_count; i-- > 0;)
        if (id_eq(j->known[i].app, p->event.app) && str_eq(j->known[i].type, p->event.type))
            return j->known[i].schema;
    struct schema_fault fault;
    struct schema *schema = schema_create(p->schema, &fault);
    schema_fault_fini(&fault);
    j->known[j->known_count++] = (struct known_schema){p->event.app, p->event.type, schema};
    return schema;
}

struct faults_told {
    struct buf *detail;
    int count;
};

static void on_fault(void *arg, const struct json_step *at, const char *message)
{
    struct faults_told *told = arg;

    if (told->count++ >= FAULTS_MAX)
        return;
    buf_printf(told->detail, "%s", told->count > 1 ? "; " : "");
    json_pointer(told->detail, at);
    buf_printf(told->detail, ": %s", message);
}

static const char *check_schema(struct judge *j, const struct published *p, struct buf *detail)
{
    struct faults_told told = {detail, 0};
    struct schema_check check = {.steps = SCHEMA_STEPS_MAX, .fault = on_fault, .arg = &told};
    struct json_step data = {.key = STR_LIT("\"data\"")};
    const struct schema *schema = schema_of(j, p);

    if (schema == NULL) {
        buf_printf(detail, "the type has a schema of before, which cannot be checked: PATCH the "
                           "event type with one that can");
        return "schema";
    }
    schema_check_init(&check);
    bool fits = schema_fits(schema, &check, p->event.data, &data);
    schema_check_fini(&check);
    j->steps += SCHEMA_STEPS_MAX - (check.steps > 0 ? check.steps : 0);
    if (fits)
        return NULL;
    if (check.steps < 0)
        buf_printf(detail, "takes more work to hold against its type's schema than one event may");
    return "schema";
}

static const char *check_data(const struct published *p, struct buf *detail)
{
    struct json_error error;

    if (p->event.data.n > DATA_MAX || json_check(p->event.data, DEPTH_MAX, &error) < 0) {
        buf_printf(detail, "%s", p->event.data.n > DATA_MAX ? "has too many bytes" : error.message);
        return "data";
    }
    if (json_kind(p->event.data) == JSON_OBJECT)
        return NULL;
    buf_printf(detail, "must be an object");
    return "data";
}

static const char *check_times(const struct judge *j, const struct published *p, struct buf *detail)
{
    bool late = p->event.deliver_ms > j->last_ms;

    if (!late && p->event.expires_ms <= j->last_ms)
        return NULL;
    buf_printf(detail, "must lie within the time that history is kept");
    return late ? "deliver_at" : "expires_at";
}

static const char *check_texts(const struct published *p, struct buf *detail)
{
    const struct event_new *e = &p->event;
    const char *of_type = event_type_check(e->type);
    const char *of_order = e->ordering_key.p != NULL ? order_key_check(e->ordering_key) : NULL;
    const char *of_coalesce = e->coalesce_key.p != NULL ? order_key_check(e->coalesce_key) : NULL;
    const char *wrong = of_type != NULL ? of_type : of_order != NULL ? of_order : of_coalesce;

    if (wrong == NULL)
        return NULL;
    buf_printf(detail, "%s", wrong);
    return of_type != NULL ? "type" : of_order != NULL ? "ordering_key" : "coalesce_key";
}

const char *judge_event(struct judge *j, const struct published *p, struct buf *detail)
{
    const char *reason;

    if (p->app_gone)
        return "app_deleted";
    if ((reason = check_texts(p, detail)) != NULL || (reason = check_times(j, p, detail)) != NULL ||
        (reason = check_data(p, detail)) != NULL)
        return reason;
    if (!p->known && (p->checks & APP_STRICT_TYPES) != 0) {
        buf_printf(detail, "is not in the catalogue of the app, which has `strict_types`");
        return "type";
    }
    return p->schema.p != NULL && (p->checks & APP_VALIDATE) != 0 ? check_schema(j, p, detail)
                                                                  : NULL;
}
