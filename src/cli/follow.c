/* What was missed comes with the next connection: by the id that the last one had, or because the service holds it. */
#include "follow.h"

#include "answer.h"
#include "base/crypto.h"
#include "base/json.h"
#include "core/delivery.h"
#include "show.h"
#include "sse.h"
#include "value.h"

#define SILENCE_MS   45000 /* three of the server's beats */
#define AGAIN_MS     500
#define AGAIN_MAX_MS 15000
#define HEAD_BYTES   1024

struct following {
    struct client *client;
    struct sse sse;
    follow_cb *cb;
    void *arg;
    const char *ended; /* why the server will not have us any more; NULL: it will */
    bool away;         /* and that was said */
    int64_t again_ms;
};

static void on_end(struct following *g, struct str data)
{
    static const struct {
        const char *reason, *text;
    } ends[] = {
        {"deleted", "the webhook was deleted: run this again, which makes another"},
        {"disabled", "the webhook was disabled: run this again, which makes it listening"},
        {"key", "the key may not do this any more: POSTHORN_KEY (or --key) must be another"},
    };

    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (value_is(data, "reason", ends[i].reason))
            g->ended = ends[i].text;
}

static void on_event(void *arg, struct str name, struct str id, struct str data)
{
    struct following *g = arg;
    struct json_error error;

    (void)id; /* the next request says it */
    if (json_check(data, JSON_DEPTH_MAX, &error) != 0)
        return;
    if (str_eq_text(name, "end"))
        on_end(g, data);
    else
        g->cb(g->arg, name, data);
}

static bool on_data(void *arg, struct str data)
{
    struct following *g = arg;

    if (g->away)
        show_note("connected again");
    g->away = false;
    return sse_read(&g->sse, data);
}

static int64_t with_jitter(int64_t ms)
{
    uint16_t chance;

    crypto_random((uint8_t *)&chance, sizeof chance);
    return ms / 2 + ms * chance / UINT16_MAX;
}

static void say_away(struct following *g, const struct answer *answer)
{
    if (g->away)
        return;
    g->away = true;
    if (answer->outcome == FETCH_ANSWERED && !status_is_success(answer->status))
        show_note("the API answers %d: trying again; nothing is lost meanwhile", answer->status);
    else
        show_note("the connection to the API is gone: trying again; nothing is lost meanwhile");
}

/* A connection, until it ends. */
static void connect_once(struct following *g, struct str path, struct answer *answer)
{
    struct buf head;

    buf_init(&head, HEAD_BYTES);
    buf_add_text(&head, "Accept: text/event-stream\r\n");
    if (g->sse.id.n > 0)
        buf_printf(&head, "Last-Event-ID: %.*s\r\n", STR_FMT(g->sse.id));
    sse_clear(&g->sse);
    client_try(g->client,
               &(struct client_request){.method = "GET",
                                        .path = path,
                                        .head = buf_str(&head),
                                        .timeout_ms = SILENCE_MS,
                                        .on_data = on_data,
                                        .arg = g},
               answer);
    buf_fini(&head);
}

/* What follows from its end; -1: it is tried again. */
static int judge(struct following *g, const struct answer *answer)
{
    int64_t more_ms = g->again_ms * 2 < AGAIN_MAX_MS ? g->again_ms * 2 : AGAIN_MAX_MS;

    if (answer->interrupted)
        return STATUS_DONE;
    if (g->ended != NULL) {
        show_error("%s", g->ended);
        return STATUS_NOT_SO;
    }
    if (answer_is_final(answer))
        return answer_judge(answer, client_profile(g->client));
    g->again_ms = g->sse.heard ? AGAIN_MS : more_ms;
    say_away(g, answer);
    return client_pause(g->client, with_jitter(g->again_ms)) ? -1 : STATUS_DONE;
}

int follow(struct client *client, struct str path, follow_cb *cb, void *arg)
{
    struct following g = {.client = client, .cb = cb, .arg = arg, .again_ms = AGAIN_MS};
    struct answer answer;
    int status;

    sse_init(&g.sse, on_event, &g);
    do {
        connect_once(&g, path, &answer);
        status = judge(&g, &answer);
    } while (status < 0);
    sse_fini(&g.sse);
    return status;
}
