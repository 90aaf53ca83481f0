/* Messages for the tests of profiles. */
#include "profile_rig.h"

#include <string.h>

struct profile_input input_at(int64_t ms, const char *type, const char *data, const char *secret)
{
    return (struct profile_input){
        .event = id_floor(ms),
        .type = str_of(type),
        .data = str_of(data),
        .delivery = id_floor(ms),
        .attempt = 1,
        .now_ms = ms,
        .webhook = id_floor(ms),
        .secret = str_of(secret),
        .previous_secret = str_of(""),
    };
}

int message_make(struct message *m, const char *profile, const char *options,
                 struct profile_input *in, size_t count)
{
    const struct profile *p = profile_find(str_of(profile));
    struct profile_options bound;

    assert_non_null(p);
    memset(m, 0, sizeof *m);
    m->fields.alloc = scratch_allocator(&m->scratch);
    buf_init(&m->head, MESSAGE_HEAD_MAX);
    buf_init(&m->masked, MESSAGE_HEAD_MAX);
    buf_init(&m->body, MESSAGE_BODY_MAX);
    if (profile_options_bind(&m->fields, p, str_of(options), &bound) < 0)
        fail_msg("%s: %s", m->fields.problems[0].field, m->fields.problems[0].message);
    for (size_t i = 0; i < count; i++)
        in[i].options = bound;
    int taken = profile_write_body(p, in, count, &m->body);
    int err = taken < 0 ? taken : p->write_head(in, taken, buf_str(&m->body), &m->head, &m->masked);
    return err < 0 ? err : taken;
}

void message_fini(struct message *m)
{
    buf_fini(&m->head);
    buf_fini(&m->masked);
    buf_fini(&m->body);
}

void expect_text(struct str is, const char *wanted)
{
    if (!str_eq_text(is, wanted))
        fail_msg("is     [%.*s]\nwanted [%s]", STR_FMT(is), wanted);
}

void expect_message(const char *profile, const char *options, struct profile_input in,
                    const char *head, const char *body)
{
    struct message m;

    assert_int_equal(message_make(&m, profile, options, &in, 1), 1);
    if (head != NULL)
        expect_text(buf_str(&m.head), head);
    if (body != NULL)
        expect_text(buf_str(&m.body), body);
    message_fini(&m);
}

bool contains(struct str text, const char *piece)
{
    return memmem(text.p, text.n, piece, strlen(piece)) != NULL;
}
