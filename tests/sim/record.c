/* Writes down what the models were asked and answered, for the real servers to be asked again. */
#include "record.h"

#include "world.h"

#include <inttypes.h>

FILE *ledger_record;

static void hex(const void *bytes, size_t n)
{
    const uint8_t *p = bytes;

    putc(' ', ledger_record);
    for (size_t i = 0; i < n; i++)
        fprintf(ledger_record, "%02x", p[i]);
    if (n == 0)
        putc('-', ledger_record);
}

static void hex_str(struct str s)
{
    hex(s.p, s.n);
}

static void hex_id(struct id id)
{
    hex(id.b, sizeof id.b);
}

static void number(int64_t n)
{
    fprintf(ledger_record, " %" PRId64, n);
}

/* Of PostgreSQL's clock, in microseconds of Unix time; 0: null. */
static void time_us(int64_t us)
{
    number(us == 0 ? 0 : EPOCH_MS * 1000 + us);
}

static void word(const char *text)
{
    fputs(text, ledger_record);
}

static void end_line(void)
{
    putc('\n', ledger_record);
}

void record_begin(void)
{
    for (int i = 0; ledger_record != NULL && i < ledger.webhook_count; i++) {
        const struct row_webhook *w = &ledger.webhooks[i];
        const struct world_webhook *text = &world.webhooks[i];
        word("webhook");
        hex_id(w->id);
        hex_id(w->app);
        hex_str(str_of(text->url));
        hex_str(text->sealed);
        number(WORLD_TIMEOUT_MS);
        number(w->concurrency);
        number(w->rate_limit);
        end_line();
    }
}

static void text_of(const struct db_stmt *stmt)
{
    enum { KNOWN_MAX = 64 };
    static const struct db_stmt *known[KNOWN_MAX];
    int i = 0;

    while (known[i] != NULL && known[i] != stmt)
        i++;
    assert(i < KNOWN_MAX - 1);
    if (known[i] != NULL)
        return;
    known[i] = stmt;
    fprintf(ledger_record, "statement %s", stmt->name);
    hex_str(str_of(stmt->sql));
    end_line();
}

void record_run(const struct db_stmt *stmt, const struct values *values, const struct db_rows *rows)
{
    if (ledger_record == NULL)
        return;
    text_of(stmt);
    fprintf(ledger_record, "run %s", stmt->name);
    time_us(ledger_now_us());
    time_us(postgres.started_us);
    for (int i = 0; i < stmt->params; i++) {
        if (values->at[i] == NULL)
            word(" ~");
        else
            hex(values->at[i], (size_t)values->length[i]);
    }
    end_line();
    rows_write(rows, ledger_record);
}

void record_status(int webhook, int status, int reason)
{
    if (ledger_record == NULL)
        return;
    word("status");
    time_us(ledger_now_us());
    hex_id(ledger.webhooks[webhook].id);
    number(status);
    number(reason);
    end_line();
}

void record_break(void)
{
    if (ledger_record != NULL)
        word("break\n");
}

/* --- what there is ---------------------------------------------------------------------------- */

static void write_delivery(const struct row_delivery *d)
{
    word("delivery");
    hex_id(d->id);
    hex_id(d->event);
    hex_id(ledger.webhooks[d->webhook].id);
    number(d->state);
    number(d->attempts);
    number(d->step);
    number(d->waits);
    number(d->crashes);
    number(d->last_error);
    time_us(d->next_us);
    time_us(d->completed_us);
    time_us(d->waiting_us);
    time_us(d->lease_us);
    number(d->token);
    number(d->owner);
    number(d->sent ? d->sent_token : 0);
    end_line();
}

static void write_lease(const struct row_lease *l)
{
    word("lease");
    number(l->owner);
    number(l->token);
    time_us(l->at_us);
    for (int i = 0; i < ledger.delivery_count; i++)
        if (l->deliveries >> i & 1)
            hex_id(ledger.deliveries[i].id);
    end_line();
}

static void write_attempt(const struct row_attempt *a)
{
    word("attempt");
    hex_id(ledger.deliveries[a->delivery].id);
    number(a->token);
    number(a->number);
    number(a->error);
    end_line();
}

static void write_gate(const struct row_webhook *w)
{
    word("gate");
    hex_id(w->id);
    number(w->status);
    number(w->disabled_reason);
    time_us(w->rate_us);
    time_us(w->gate_until_us);
    time_us(w->gate_cut_us);
    time_us(w->failing_us);
    time_us(w->gate_at_us);
    number(w->gate_limit);
    number(w->gate_failures);
    number(w->gate_streak);
    number(w->gate_openings);
    number(w->gate_error);
    end_line();
}

static void write_job(const struct row_webhook *w)
{
    word("job");
    hex_id(w->id);
    hex_id(w->job_id);
    time_us(w->step_us);
    time_us(w->stepped_us);
    number(w->failures);
    number(w->stalls);
    number(w->found);
    number(w->done);
    end_line();
}

void record_rows(const char *why)
{
    if (ledger_record == NULL)
        return;
    for (int i = 0; i < ledger.delivery_count; i++)
        write_delivery(&ledger.deliveries[i]);
    for (int i = 0; i < ledger.lease_count; i++)
        write_lease(&ledger.leases[i]);
    for (int i = 0; i < ledger.attempt_count; i++)
        write_attempt(&ledger.attempts[i]);
    for (int i = 0; i < ledger.webhook_count; i++) {
        write_gate(&ledger.webhooks[i]);
        if (ledger.webhooks[i].job)
            write_job(&ledger.webhooks[i]);
    }
    fprintf(ledger_record, "%s\n", why);
}
