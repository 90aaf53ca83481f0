/* What strangers send to sources: a kind by the first byte, headers by the next lines, and the body. Whatever comes,
 * nothing is proved by it, and what is made of it is events that may be stored. */
#include "fuzz.h"

#include "base/json.h"
#include "core/filter.h"
#include "core/source.h"

#define DEPTH 32

static const char *const names[] = {
    "x-github-event",        "x-github-delivery", "x-shopify-topic",
    "x-shopify-webhook-id",  "stripe-signature",  "webhook-id",
    "webhook-timestamp",     "webhook-signature", "x-remnawave-timestamp",
    "x-remnawave-signature", "x-webhook-secret",  "x-hub-signature-256",
};

struct headers {
    struct str values[ARRAY_LEN(names)];
};

static struct str header_of(const void *arg, const char *name)
{
    const struct headers *headers = arg;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return headers->values[i];
    return STR_NONE;
}

/* Lines of a header's number, as a letter, and its value. */
static void read_headers(struct str *rest, struct headers *headers)
{
    struct str line;

    *headers = (struct headers){0};
    while (rest->n > 0 && rest->p[0] >= 'a' && rest->p[0] < 'a' + (int)ARRAY_LEN(names) &&
           str_next(rest, '\n', &line))
        headers->values[line.p[0] - 'a'] = (struct str){line.p + 1, line.n - 1};
}

static void check(const struct source_turn *turn)
{
    struct json_error error;

    for (size_t i = 0; i < turn->count; i++) {
        const struct source_event *event = &turn->events[i];
        require(event_type_check(event->type) == NULL);
        require(event->data.p >= turn->request->body.p &&
                event->data.p + event->data.n <= turn->request->body.p + turn->request->body.n);
        require(json_kind(event->data) == JSON_OBJECT);
        require(json_check(event->data, DEPTH, &error) == 0);
        require(event->nth == 0 || event->key.p != NULL);
    }
}

static void *from_heap(void *pool, size_t size)
{
    struct buf *list = pool;
    void *p = xcalloc(1, size + 1);

    buf_add(list, &p, sizeof p);
    return p;
}

static void free_all(struct buf *list)
{
    for (size_t i = 0; i < list->n; i += sizeof(void *)) {
        void *p;
        memcpy(&p, list->p + i, sizeof p);
        free(p);
    }
    buf_fini(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct str more =
        STR_LIT("{\"type_pointer\":\"/a/0\",\"key_pointer\":\"/~0\",\"data_pointer\":\"/b\"}");
    char *text = fuzz_text(data, size);
    struct str rest = {text, size};
    struct headers headers;
    struct source_options options;
    struct buf list;
    char wrong[SOURCE_WRONG_SIZE];
    struct json_error error;
    size_t number = 0;

    buf_init(&list, (size_t)64 << 20);
    struct fields fields = {.alloc = {from_heap, &list}};
    if (rest.n > 0) {
        number = (size_t)(uint8_t)rest.p[0] % 7;
        rest = (struct str){rest.p + 1, rest.n - 1};
    }
    const struct source_kind *kind = source_kinds[number];
    require(source_options_bind(&fields, kind, kind->options_check != NULL ? more : STR_NONE,
                                &options) == 0);
    read_headers(&rest, &headers);
    struct source_request request = {header_of, &headers, rest, 1767323045000};
    require(!kind->verify(&request, &options, STR_LIT("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
                          wrong));
    struct source_turn turn = {.request = &request,
                               .options = &options,
                               .prefix = str_of(kind->prefix),
                               .fields = &fields};
    if (json_check(rest, DEPTH, &error) == 0) {
        source_read(kind, &turn);
        if (fields.problem_count == 0)
            check(&turn);
    }
    free_all(&list);
    free(text);
    return 0;
}
