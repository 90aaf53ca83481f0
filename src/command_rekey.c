/* posthorn rekey: all that is sealed is sealed with the key that seals now, while everything goes on. What was written
 * meanwhile by who seals with another key yet is found by going through it all again, until nothing is left. */
#include "command_run.h"
#include "commands.h"

#include "base/err.h"
#include "core/seal.h"
#include "core/signature.h"
#include "core/source.h"
#include "core/tls_settings.h"
#include "core/webhook.h"
#include "core/webhook_options.h"
#include "store/sources.h"
#include "store/webhooks.h"

#include <stdio.h>

#define PAGE_ROWS   100
#define PASSES_MAX  10
#define VALUE_MAX   ((size_t)TLS_SETTINGS_JSON_MAX + SEAL_OVERHEAD) /* the largest there is */
#define OPTIONS_MAX ((size_t)8 * PROFILE_OPTIONS_MAX)

struct rekey {
    struct id after;
    bool sources; /* after the webhooks of this pass */
    int waiting;  /* for what was written of this page */
    bool last;    /* page of this pass */
    int passes;
    long long written;      /* in all */
    long long again, lost,  /* in this pass: of other keys or forms still; that no key opens */
        seen, sources_seen; /* of either */
};

static void read_page(struct command_run *run);

static void end(struct command_run *run)
{
    const struct rekey *rekey = run->arg;

    printf("%lld webhooks, %lld sources, %lld sealed anew", rekey->seen, rekey->sources_seen,
           rekey->written);
    printf(rekey->lost > 0 ? ", %lld with something that no key opens\n" : "\n", rekey->lost);
    if (rekey->lost > 0)
        fprintf(stderr, "posthorn: give the key that they were sealed with in "
                        "POSTHORN_ENCRYPTION_KEY_PREVIOUS, or give them new secrets\n");
    if (rekey->again > 0)
        fprintf(stderr,
                "posthorn: something else goes on sealing with another key: restart it with "
                "this one first\n");
    command_end(run, rekey->lost > 0 || rekey->again > 0 ? 1 : 0);
}

static void go_on(struct command_run *run)
{
    struct rekey *rekey = run->arg;

    if (rekey->waiting > 0)
        return;
    if (rekey->last && !rekey->sources) {
        rekey->sources = true;
        rekey->after = (struct id){0};
    } else if (rekey->last) {
        rekey->sources = false;
        rekey->passes++;
        if (rekey->again == 0 || rekey->passes == PASSES_MAX) {
            end(run);
            return;
        }
        rekey->after = (struct id){0};
        rekey->again = rekey->lost = rekey->seen = rekey->sources_seen = 0;
    }
    read_page(run);
}

static void on_written(void *arg, int err, const struct db_rows *rows)
{
    struct command_run *run = arg;
    struct rekey *rekey = run->arg;

    if (command_failed(run, err))
        return;
    rekey->written += db_count(rows);
    rekey->waiting--;
    go_on(run);
}

/* One value: what is to be kept of it is in `out`, or it is as it should be. False: no key opens it. */
static bool seal_again(const struct settings *settings, enum webhook_column column,
                       struct id webhook, struct str *value, struct buf *out, bool *changed)
{
    struct buf plain;

    if (value->n == 0 || seal_is_new(&settings->seal_keys, *value))
        return true;
    buf_init(&plain, VALUE_MAX);
    int err = webhook_open(settings, column, webhook, *value, &plain);
    if (err == 0) {
        webhook_seal(settings, column, webhook, buf_str(&plain), out);
        *value = buf_str(out);
        *changed = true;
    }
    crypto_forget(&plain);
    return err == 0;
}

static bool seal_options_again(const struct settings *settings, struct sealed *s, struct buf *out,
                               bool *changed)
{
    const struct profile *profile = profile_find(s->profile);
    struct buf plain;

    if (profile == NULL || webhook_options_are_new(settings, profile, s->options))
        return true;
    buf_init(&plain, OPTIONS_MAX);
    int err = webhook_options_open(settings, s->webhook, s->url, s->options, &plain);
    if (err == 0) {
        webhook_options_seal(settings, profile, s->webhook, buf_str(&plain), out);
        s->options = buf_str(out);
        *changed = true;
    }
    crypto_forget(&plain);
    return err == 0;
}

static const struct deed deed = {.action = AUDIT_WEBHOOK_RESEAL, .actor = AUDIT_BY_COMMAND};

static void take(struct command_run *run, struct sealed *s)
{
    struct rekey *rekey = run->arg;
    struct buf out[6];
    bool changed = false, opened = true;

    for (size_t i = 0; i < ARRAY_LEN(out); i++)
        buf_init(&out[i], VALUE_MAX);
    struct str *const values[] = {&s->secret, &s->previous, &s->headers, &s->auth, &s->tls};
    static const enum webhook_column columns[] = {WEBHOOK_SECRET, WEBHOOK_SECRET, WEBHOOK_HEADERS,
                                                  WEBHOOK_AUTH, WEBHOOK_TLS};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        opened = seal_again(run->settings, columns[i], s->webhook, values[i], &out[i], &changed) &&
                 opened;
    opened = seal_options_again(run->settings, s, &out[ARRAY_LEN(values)], &changed) && opened;
    rekey->seen++;
    rekey->lost += !opened;
    if (changed) {
        rekey->again++;
        rekey->waiting++;
        webhooks_seal_again(run->db, s, &deed, on_written, run);
    }
    for (size_t i = 0; i < ARRAY_LEN(out); i++)
        buf_fini(&out[i]);
}

static const struct deed source_deed = {.action = AUDIT_SOURCE_RESEAL, .actor = AUDIT_BY_COMMAND};

static void take_source(struct command_run *run, const struct db_rows *rows, int row)
{
    enum { ID, UPDATED, SECRET };
    struct rekey *rekey = run->arg;
    const struct seal_keys *keys = &run->settings->seal_keys;
    struct id id = rekey->after = db_id(rows, row, ID);
    struct str sealed = db_str(rows, row, SECRET);
    struct buf plain, out;

    rekey->sources_seen++;
    if (seal_is_new(keys, sealed))
        return;
    buf_init(&plain, VALUE_MAX);
    buf_init(&out, VALUE_MAX);
    if (source_open(keys, id, sealed, &plain) == 0) {
        source_seal(keys, id, buf_str(&plain), &out);
        rekey->again++;
        rekey->waiting++;
        sources_seal_again(run->db, id, db_i64(rows, row, UPDATED), buf_str(&out), &source_deed,
                           on_written, run);
    } else {
        rekey->lost++;
    }
    crypto_forget(&plain);
    buf_fini(&out);
}

static void on_page(void *arg, int err, const struct db_rows *rows)
{
    struct command_run *run = arg;
    struct rekey *rekey = run->arg;
    struct sealed sealed;

    if (command_failed(run, err))
        return;
    rekey->last = db_count(rows) < PAGE_ROWS;
    for (int i = 0; i < db_count(rows); i++) {
        if (rekey->sources) {
            take_source(run, rows, i);
            continue;
        }
        sealed_read(rows, i, &sealed);
        rekey->after = sealed.webhook;
        take(run, &sealed);
    }
    go_on(run);
}

static void read_page(struct command_run *run)
{
    const struct rekey *rekey = run->arg;
    if (rekey->sources)
        sources_list_sealed(run->db, rekey->after, PAGE_ROWS, on_page, run);
    else
        webhooks_list_sealed(run->db, rekey->after, PAGE_ROWS, on_page, run);
}

int command_rekey(const struct settings *settings, int argc, char **argv)
{
    struct rekey rekey = {0};

    (void)argv;
    if (argc != 1) {
        fputs("usage: posthorn rekey\n", stderr);
        return 2;
    }
    return command_run(settings, read_page, &rekey);
}
