/* A guess has little room, and room of its own, so that no number of them is in the way of keys that were made. */
#include "lookup.h"

#include "base/metrics.h"
#include "reply.h"

#define GUESSES 64 /* the part of the lookups that guesses have is one in so many */

enum key_proof lookup_proof(const struct api *api, lookup_parse *parse, struct str text,
                            struct id *id)
{
    const struct settings *settings = api->settings;
    enum key_proof proof = parse(settings->key_checks[0], text, id);

    for (size_t i = 1; proof == KEY_UNPROVEN && i < settings->seal_keys.count; i++)
        proof = parse(settings->key_checks[i], text, id);
    return proof;
}

void lookup_start(struct call *call, struct id id, enum key_proof proof, lookup_ask *ask, db_cb *cb)
{
    int64_t max = call->api->settings->config.key_lookups;

    if (proof == KEY_UNPROVEN
            ? call_hold(call, HOLD_GUESS, NOBODY, 1, (max + GUESSES - 1) / GUESSES)
            : call_hold(call, HOLD_LOOKUP, id, 1, max)) {
        call->op = ask(call->api->db, id, cb, call);
        return;
    }
    metric_add(METRIC_KEY_LOOKUPS_MET, 1);
    reply_errorf(call, ERR_BUSY,
                 "Too many keys are being looked up, which POSTHORN_KEY_LOOKUPS bounds (%lld)",
                 (long long)max);
}

void lookup_end(struct call *call)
{
    call_let_go(call, HOLD_LOOKUP);
    call_let_go(call, HOLD_GUESS);
}
