/* Heads, and how much of what follows them is kept. */
#include "intake.h"

#include "api/rates.h"
#include "auth.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "call.h"
#include "io/listen.h"
#include "tokens.h"

#define HEAD_MAX ((size_t)32 << 10)
#define BODY_SMALL \
    4096 /* what the connection's first buffer holds beside a head: it costs nothing more */
#define TLS_ENOUGH \
    64 /* bytes of a TLS handshake, which is longer: there is room for a head of ours */
#define STRANGERS 8 /* the part of the bytes that unproven keys have is one in so many */

static const enum metric budgets[BODY_KINDS] = {
    [BODY_PROVEN] = METRIC_BUDGET_BODIES,
    [BODY_STRANGE] = METRIC_BUDGET_STRANGE_BODIES,
};

void intake_init(struct intake *in, struct api *api)
{
    *in = (struct intake){.api = api};
}

void intake_release(struct intake *in)
{
    shares_give_back(&in->api->bodies[in->kind], in->key, in->bytes);
    metric_add(budgets[in->kind], -in->bytes);
    in->bytes = 0;
}

void intake_next(struct intake *in)
{
    intake_release(in);
    intake_init(in, in->api);
}

void intake_judge(struct intake *in, struct str input)
{
    if (!in->judged)
        framing_read(input, &in->framing);
    in->judged = true;
}

int64_t intake_bytes_max(const struct settings *settings, enum body_kind kind)
{
    int64_t max = settings->config.bodies_mib << 20;

    /* One body always fits where there is none. */
    if (kind == BODY_STRANGE)
        max = max / STRANGERS > (int64_t)BODY_MAX ? max / STRANGERS : (int64_t)BODY_MAX;
    return max;
}

static bool reserve(struct intake *in, int64_t n)
{
    int64_t max = intake_bytes_max(in->api->settings, in->kind);

    if (!shares_take(&in->api->bodies[in->kind], in->key, n, max)) {
        metric_add(METRIC_BODIES_MIB_MET, 1);
        return false;
    }
    in->bytes += n;
    metric_add(budgets[in->kind], n);
    return true;
}

static enum intake_step drop(struct intake *in, char *bytes, size_t *size)
{
    int64_t have = (int64_t)(*size - in->head), n = have < in->left ? have : in->left;

    memmove(bytes + in->head, bytes + in->head + n, (size_t)(have - n));
    *size -= (size_t)n;
    in->left -= n;
    if (in->left > 0)
        return INTAKE_WAIT;
    in->state = INTAKE_BODY;
    return INTAKE_PASS;
}

/* Who waits to be told to go on has not sent its body yet; who sends chunks does not say how long it is. */
static enum intake_step refuse(struct intake *in, char *bytes, size_t *size)
{
    if (in->begun)
        return INTAKE_HANG_UP;
    framing_hide_body(bytes, in->head);
    in->last = in->framing.chunked || in->framing.expects;
    if (in->last)
        return INTAKE_PASS;
    in->state = INTAKE_DROP;
    in->left = in->framing.length;
    return drop(in, bytes, size);
}

/* A body of unknown length counts as it comes. h2o takes the chunks' own lines out once it has read on. */
static enum intake_step grow(struct intake *in, size_t size)
{
    int64_t more = (int64_t)(size - in->head) - in->bytes;

    if (!in->framing.chunked || more <= 0)
        return INTAKE_PASS;
    return in->bytes + more <= in->max && reserve(in, more) ? INTAKE_PASS : INTAKE_HANG_UP;
}

static enum intake_step take_body(struct intake *in, char *bytes, size_t *size)
{
    const struct framing *f = &in->framing;

    if (!f->chunked && f->length <= BODY_SMALL)
        return INTAKE_PASS;
    enum key_proof proof = token_proof(in->api, f->target, &in->key);
    if (proof == KEY_NONE)
        proof = auth_proof(in->api, f->authorization, &in->key);
    in->kind = proof == KEY_PROVEN ? BODY_PROVEN : BODY_STRANGE;
    in->max = proof == KEY_NONE ? BODY_SMALL : INT64_MAX;
    in->over =
        proof == KEY_PROVEN && !in->begun && rates_over(in->api->rates, in->key, clock_mono_us());
    if (in->over || (proof == KEY_NONE && (!f->chunked || f->expects)))
        return refuse(in, bytes, size);
    /* Of what h2o reads after it has told the client to go on, nothing is seen here. */
    in->full = !reserve(in, !f->chunked ? f->length : f->expects ? (int64_t)BODY_MAX : 0);
    return in->full ? refuse(in, bytes, size) : grow(in, *size);
}

/* h2o's parser has words of its own for some of what is refused, and no problem document: where there is room for it,
 * it is given a head of the same size that it takes, so that the answer is ours. Nothing behind it is read. */
static enum intake_step refuse_head(struct intake *in, char *bytes, size_t *size)
{
    static const struct str first = STR_LIT("GET / HTTP/1.1\r\nX:"), last = STR_LIT("\r\n\r\n");

    if (in->begun)
        return INTAKE_HANG_UP;
    if (in->head >= first.n + last.n) {
        memcpy(bytes, first.p, first.n);
        memset(bytes + first.n, 'x', in->head - first.n - last.n);
        memcpy(bytes + in->head - last.n, last.p, last.n);
        *size = in->head;
    } else {
        framing_hide_body(bytes, in->head);
    }
    return INTAKE_PASS;
}

static enum intake_step take_head(struct intake *in, char *bytes, size_t *size)
{
    if (*size > 0 && *size < TLS_ENOUGH && bytes[0] == LISTEN_TLS)
        return INTAKE_WAIT;
    in->head = framing_end((struct str){bytes, *size}, in->seen);
    in->seen = *size;
    const char *fault = listen_hears_tls((struct str){bytes, *size})
                            ? "This port speaks plain HTTP, and you TLS: use http://"
                        : *size >= HEAD_MAX && in->head == 0 ? "The head has more than 32 KiB"
                                                             : NULL;
    if (fault != NULL) {
        in->head = *size;
        in->judged = true;
        in->framing.fault = fault;
    }
    if (in->head == 0)
        return INTAKE_PASS;
    intake_judge(in, (struct str){bytes, *size});
    in->state = INTAKE_BODY;
    if (in->framing.fault != NULL)
        return refuse_head(in, bytes, size);
    /* h2o refuses at once what is announced to be too large. */
    return in->framing.length > (int64_t)BODY_MAX + 1 ? INTAKE_PASS : take_body(in, bytes, size);
}

enum intake_step intake_read(struct intake *in, char *bytes, size_t *size)
{
    switch (in->state) {
    case INTAKE_HEAD:
        return take_head(in, bytes, size);
    case INTAKE_DROP:
        return drop(in, bytes, size);
    case INTAKE_BODY:
        break;
    }
    return grow(in, *size);
}
