/* Types are asked for a few at once, and their events looked at as they come: so it is of no matter how many of them the
 * cache can keep. */
#include "accept_check.h"

#include "base/crypto.h"
#include "base/memo.h"
#include "core/schema.h"
#include "input.h"
#include "result.h"
#include "store/apps.h"
#include "store/event_types.h"

#include <stdio.h>
#include <stdlib.h>

#define KEPT_BYTES_MAX ((size_t)8 << 20)
#define ASK_MAX        16
#define POINTER_MAX    512
#define KEY_SIZE       32
#define FIELD_SIZE     48

/* A type that there is. */
struct known {
    struct memo_entry memo;
    struct schema *schema; /* NULL: there is none, or none that can be read */
    bool unreadable;
};

struct type_cache {
    struct memo memo;
    uint8_t key[KEY_SIZE]; /* of the ids here, which nobody is to foresee */
};

/* A request's look at its events; in its pool. */
struct look {
    struct accept_request *request;
    accept_done *done;
    bool *seen;       /* of each event */
    int64_t steps;    /* that are left */
    uint64_t changes; /* when it asked */
    struct str asked[ASK_MAX];
    size_t asked_count;
};

/* --- what is kept ----------------------------------------------------------------------------- */

static struct id id_of_type(const struct type_cache *c, struct id app, struct str type)
{
    struct str parts[] = {{(const char *)app.b, sizeof app.b}, type};
    uint8_t mac[SHA256_SIZE];
    struct id id;

    crypto_hmac_sha256((struct str){(const char *)c->key, sizeof c->key}, parts, ARRAY_LEN(parts),
                       mac);
    memcpy(id.b, mac, sizeof id.b);
    return id;
}

static void destroy(struct memo_entry *entry)
{
    struct known *known = CONTAINER_OF(entry, struct known, memo);

    schema_destroy(known->schema);
    free(known);
}

struct type_cache *type_cache_create(void)
{
    struct type_cache *c = xcalloc(1, sizeof *c);

    memo_init(&c->memo, KEPT_BYTES_MAX, destroy);
    crypto_random(c->key, sizeof c->key);
    return c;
}

void type_cache_destroy(struct type_cache *c)
{
    if (c == NULL)
        return;
    memo_fini(&c->memo);
    free(c);
}

void type_cache_forget(struct type_cache *c, const struct id *app)
{
    memo_forget(&c->memo, app);
}

/* NULL: it has to be asked for. */
static struct known *find(struct type_cache *c, struct id app, struct str type)
{
    struct memo_entry *entry = memo_find(&c->memo, id_of_type(c, app, type));
    return entry == NULL ? NULL : CONTAINER_OF(entry, struct known, memo);
}

static struct known *make(struct str schema)
{
    struct known *known = xcalloc(1, sizeof *known);
    struct schema_fault fault;

    if (schema.p == NULL)
        return known;
    known->schema = schema_create(schema, &fault);
    known->unreadable = known->schema == NULL;
    schema_fault_fini(&fault);
    return known;
}

/* Takes it over. */
static void keep(struct type_cache *c, struct known *known, struct id app, struct str type)
{
    memo_keep(&c->memo, &known->memo, id_of_type(c, app, type), app,
              sizeof *known + (known->schema != NULL ? schema_weight(known->schema) : 0));
}

/* --- looking at events ------------------------------------------------------------------------ */

/* Whose data is held against its schema. */
struct subject {
    struct call *call;
    char field[FIELD_SIZE];
};

static void name_field(char out[FIELD_SIZE], const struct look *look, size_t i, const char *member)
{
    if (look->request->events[i].grouped)
        snprintf(out, FIELD_SIZE, "events[%zu].%s", i, member);
    else
        snprintf(out, FIELD_SIZE, "%s", member);
}

static void on_fault(void *arg, const struct json_step *at, const char *message)
{
    const struct subject *subject = arg;
    struct buf pointer;

    buf_init(&pointer, POINTER_MAX);
    if (subject->call->fields.problem_count < FIELD_PROBLEMS_MAX)
        json_pointer(&pointer, at);
    fields_problem_at(&subject->call->fields, subject->field, buf_text(&pointer), message);
    buf_fini(&pointer);
}

static void check_data(struct call *call, size_t i, const struct schema *schema)
{
    struct look *look = call->state;
    const struct event_new *event = &look->request->events[i];
    struct subject subject = {.call = call};
    struct schema_check check = {.steps = look->steps, .fault = on_fault, .arg = &subject};
    struct json_step top = {.key = STR_LIT("\"events\"")};
    struct json_step element = {.up = &top, .index = i};
    struct json_step data = {.up = event->grouped ? &element : NULL, .key = STR_LIT("\"data\"")};

    name_field(subject.field, look, i, "data");
    schema_check_init(&check);
    if (!schema_fits(schema, &check, event->data, &data) && check.steps < 0)
        fields_problem(&call->fields, subject.field,
                       "takes more work to hold against its type's schema than one request may");
    schema_check_fini(&check);
    look->steps = check.steps;
}

static void refuse(struct call *call, size_t i, const char *field, const char *wrong)
{
    const struct look *look = call->state;
    struct buf message;

    buf_init(&message, 1000);
    if (look->request->foreign)
        buf_printf(&message, "`%.*s` ", STR_FMT(look->request->events[i].type));
    buf_add_text(&message, wrong);
    fields_problem(&call->fields, field, buf_text(&message));
    buf_fini(&message);
}

/* `known`: its type; NULL: there is none. */
static void look_at(struct call *call, size_t i, const struct known *known)
{
    struct look *look = call->state;
    const char *wrong = NULL;
    char field[FIELD_SIZE];

    look->seen[i] = true;
    if (known == NULL && (call->checks & APP_STRICT_TYPES) != 0)
        wrong = "is not in the catalogue of the app, which has `strict_types`: make it at "
                "/event-types first";
    else if (known != NULL && known->unreadable && (call->checks & APP_VALIDATE) != 0)
        wrong = "has a schema of before, which cannot be checked: PATCH the event type with one "
                "that can";
    name_field(field, look, i, "type");
    if (wrong != NULL)
        refuse(call, i, field, wrong);
    else if (known != NULL && known->schema != NULL && (call->checks & APP_VALIDATE) != 0 &&
             look->steps >= 0)
        check_data(call, i, known->schema);
}

static void look_at_all(struct call *call, struct str type, const struct known *known)
{
    const struct look *look = call->state;

    for (size_t i = 0; i < look->request->count; i++)
        if (!look->seen[i] && str_eq(look->request->events[i].type, type))
            look_at(call, i, known);
}

static bool is_asked(const struct look *look, struct str type)
{
    for (size_t i = 0; i < look->asked_count; i++)
        if (str_eq(look->asked[i], type))
            return true;
    return false;
}

/* Looks at events whose types are known, and gathers what to ask for of the others. */
static void look_around(struct call *call)
{
    struct look *look = call->state;

    look->asked_count = 0;
    for (size_t i = 0; i < look->request->count && look->asked_count < ASK_MAX; i++) {
        struct str type = look->request->events[i].type;
        if (look->seen[i] || is_asked(look, type))
            continue;
        const struct known *known = find(call->api->types, call->app, type);
        if (known != NULL)
            look_at_all(call, type, known);
        else
            look->asked[look->asked_count++] = type;
    }
}

static void go_on(struct call *call);

/* The type in the rows, which is the caller's; NULL: it is not there. */
static struct known *read_known(const struct db_rows *rows, struct str type)
{
    enum { NAME, SCHEMA };

    for (int i = 0; i < db_count(rows); i++)
        if (str_eq(db_str(rows, i, NAME), type))
            return make(db_str(rows, i, SCHEMA));
    return NULL;
}

static void on_types(void *arg, int err, const struct db_rows *rows)
{
    struct call *call = arg;
    const struct look *look = call->state;
    struct type_cache *c = call->api->types;

    if (!result_ok(call, err))
        return;
    for (size_t i = 0; i < look->asked_count; i++) {
        struct known *known = read_known(rows, look->asked[i]);
        look_at_all(call, look->asked[i], known);
        if (known != NULL && look->changes == c->memo.changes)
            keep(c, known, call->app, look->asked[i]);
        else if (known != NULL)
            destroy(&known->memo);
    }
    go_on(call);
}

static void go_on(struct call *call)
{
    struct look *look = call->state;
    struct accept_request *request = look->request;

    look_around(call);
    if (look->asked_count > 0) {
        look->changes = call->api->types->memo.changes;
        call->op = event_types_find(call->api->db, call->app, look->asked, look->asked_count,
                                    on_types, call);
    } else if (input_is_fine(call)) {
        call->state = request;
        accept_start(call, request, look->done);
    }
}

void accept_check(struct call *call, struct accept_request *request, accept_done *done)
{
    if (call->checks == 0) {
        accept_start(call, request, done);
        return;
    }
    struct look *look = call->state = call_alloc(call, sizeof *look);
    look->request = request;
    look->done = done;
    look->seen = call_alloc(call, request->count * sizeof *look->seen);
    look->steps = SCHEMA_STEPS_MAX;
    go_on(call);
}
