/* Marzban, and PasarGuard after it: an array of notifications, the plain secret in x-webhook-secret, no signature, no
 * time of sending and no id. Each notification is an event with its very bytes for data, which the profile `marzban` sends
 * on as the panel would have.
 *
 * `enqueued_at` is no id: real panels have the start of their process there, in all they send. A user who is disabled and
 * enabled twice gives the same notification twice, all its members alike, so what is alike may be two events. But
 * `tries` tells them apart: 0 is a first try, of which the panel has made none before, and all others are the same
 * notification again, with another `tries` and `send_at`. So what a notification is known by is the rest of it, and which
 * of those alike in one request it is; and a first try is another event than what was known by that before.
 *
 * The panel takes any status below 400 for success and tries four times in all, three minutes apart. */
#include "source_internal.h"

#include "base/crypto.h"
#include "base/json.h"
#include "core/signature.h"

#include <stdio.h>

#define KEY_SIZE 16

static bool verify(const struct source_request *request, const struct source_options *options,
                   struct str secret, char wrong[SOURCE_WRONG_SIZE])
{
    (void)options;
    return source_verify_header(request, "x-webhook-secret", "", SOURCE_PLAIN, secret, wrong);
}

/* Whether a try may be the first. */
static bool is_first(struct str tries)
{
    return tries.p == NULL || str_eq_text(tries, "0");
}

/* Of all members but those that another try changes. */
static struct str key_of(struct source_turn *turn, struct str notification)
{
    struct json_iter it;
    struct str key, value;
    uint8_t hash[SHA256_SIZE];
    struct buf rest;

    buf_init(&rest, notification.n + 1);
    json_iter_init(&it, notification);
    while (json_iter_next(&it, &key, &value)) {
        if (str_eq_text(key, "\"tries\"") || str_eq_text(key, "\"send_at\""))
            continue;
        buf_add_str(&rest, key);
        buf_add_str(&rest, value);
    }
    crypto_sha256(buf_str(&rest), hash);
    buf_fini(&rest);
    struct str text = {(const char *)hash, KEY_SIZE};
    return (struct str){str_dup(turn->fields->alloc, text), text.n};
}

static void add(struct source_turn *turn, struct str notification)
{
    static const struct str action = STR_LIT("/action"), tries = STR_LIT("/tries");
    struct str words[] = {source_text(turn, source_at(notification, action))};
    char field[40];

    snprintf(field, sizeof field, "[%zu].action", turn->count);
    struct source_event *event = source_add(turn, field, words, ARRAY_LEN(words), notification);
    if (json_kind(notification) != JSON_OBJECT)
        return;
    event->key = key_of(turn, notification);
    event->is_first = is_first(source_at(notification, tries));
    for (const struct source_event *e = turn->events; e < event; e++)
        event->nth += str_eq(e->key, event->key);
}

/* What documents and some forks show is one notification without an array around it. */
static void turn_body(struct source_turn *turn)
{
    struct str body = turn->request->body, key, value;
    struct json_iter it;
    size_t count = 0;

    if (json_kind(body) != JSON_ARRAY) {
        if (source_room(turn, 1))
            add(turn, body);
        return;
    }
    json_iter_init(&it, body);
    while (json_iter_next(&it, &key, &value))
        count++;
    if (!source_room(turn, count))
        return;
    json_iter_init(&it, body);
    while (json_iter_next(&it, &key, &value))
        add(turn, value);
}

const struct source_kind source_marzban = {
    .name = "marzban",
    .prefix = "",
    .secret_check = secret_check_printable,
    .verify = verify,
    .turn = turn_body,
};
