/* Drop-in webhooks, made to match the settings when the API starts. */
#include "dropins.h"

#include "base/crypto.h"
#include "base/log.h"
#include "command_run.h"
#include "core/signature.h"
#include "core/webhook.h"
#include "store/dropins.h"
#include "store/event_types.h"
#include "store/store.h"

struct apply {
    const struct dropins *dropins;
};

/* A step whose rows do not matter. */
static void on_step(void *arg, int err, const struct db_rows *rows)
{
    (void)rows;
    command_failed(arg, err);
}

static void on_committed(void *arg, int err, const struct db_rows *rows)
{
    struct command_run *run = arg;
    const struct apply *apply = run->arg;

    (void)rows;
    if (command_failed(run, err))
        return;
    if (apply->dropins->count > 0)
        log_info("webhooks_managed", "count=%zu", apply->dropins->count);
    command_end(run, 0);
}

static bool same_secret(const struct settings *settings, const struct dropin_row *row,
                        struct str secret)
{
    struct buf opened;

    buf_init(&opened, SECRET_MAX);
    bool same = webhook_open(settings, WEBHOOK_SECRET, row->id, row->sealed_secret, &opened) == 0 &&
                crypto_equal(buf_str(&opened), secret);
    crypto_forget(&opened);
    return same;
}

/* What is in the ledger of that drop-in. */
static bool find(const struct db_rows *rows, const struct dropin *d, struct dropin_row *found)
{
    for (int i = 0; i < db_count(rows); i++) {
        dropin_row_read(rows, i, found);
        if (str_eq_text(found->system, d->system) && str_eq(found->url, d->url))
            return true;
    }
    return false;
}

/* The event types of a system that is new here; later they are the user's to change or delete. */
static void load(struct command_run *run, const struct dropin *d)
{
    static const struct deed deed = {.action = AUDIT_EVENT_TYPE_CREATE,
                                     .actor = AUDIT_BY_SETTINGS,
                                     .fields = {"name", "description", "schema", "example"},
                                     .field_count = 4};
    const struct catalogue *catalogue = catalogue_find(d->catalogue);

    assert(catalogue != NULL);
    event_types_load(run->db, (struct id){0}, catalogue, &deed, on_step, run);
}

static void put(struct command_run *run, const struct db_rows *rows, const struct dropin *d)
{
    struct deed deed = {.action = AUDIT_WEBHOOK_UPDATE, .actor = AUDIT_BY_SETTINGS};
    struct dropin_row found;
    struct buf sealed;

    if (!find(rows, d, &found)) {
        found = (struct dropin_row){.id = id_new()};
        deed.action = AUDIT_WEBHOOK_CREATE;
        load(run, d);
    }
    if (found.sealed_secret.p != NULL && same_secret(run->settings, &found, d->secret)) {
        dropins_put(run->db, found.id, d, found.sealed_secret, &deed, on_step, run);
        return;
    }
    buf_init(&sealed, SECRET_MAX + SEAL_OVERHEAD);
    webhook_seal(run->settings, WEBHOOK_SECRET, found.id, d->secret, &sealed);
    dropins_put(run->db, found.id, d, buf_str(&sealed), &deed, on_step, run);
    buf_fini(&sealed);
}

static void on_list(void *arg, int err, const struct db_rows *rows)
{
    struct command_run *run = arg;
    static const struct deed retire = {.action = AUDIT_WEBHOOK_DELETE, .actor = AUDIT_BY_SETTINGS};
    const struct dropins *dropins = ((const struct apply *)run->arg)->dropins;

    if (command_failed(run, err))
        return;
    for (size_t i = 0; i < dropins->count; i++)
        put(run, rows, &dropins->at[i]);
    dropins_retire(run->db, dropins, &retire, on_step, run);
    store_commit(run->db, on_committed, run);
}

static void start(struct command_run *run)
{
    store_begin(run->db, on_step, run);
    dropins_lock(run->db, on_step, run);
    dropins_list(run->db, on_list, run);
}

bool dropins_apply(const struct settings *settings, const struct dropins *dropins)
{
    struct apply apply = {dropins};
    return command_run(settings, start, &apply) == 0;
}
