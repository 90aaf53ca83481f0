/* The table of kinds, and what they share. */
#include "source/source_internal.h"

#include "base/err.h"
#include "core/filter.h"

#define PATH "options."

const struct source_kind *const source_kinds[] = {
    &source_marzban, &source_remnawave,         &source_github,  &source_stripe,
    &source_shopify, &source_standard_webhooks, &source_generic, NULL,
};

const char *const source_kind_names[] = {"marzban", "remnawave",         "github",  "stripe",
                                         "shopify", "standard-webhooks", "generic", NULL};

const struct source_kind *source_find(struct str name)
{
    for (size_t i = 0; source_kinds[i] != NULL; i++)
        if (str_eq_text(name, source_kinds[i]->name))
            return source_kinds[i];
    return NULL;
}

/* --- settings --------------------------------------------------------------------------------- */

const char *source_prefix_check(struct str prefix)
{
    return prefix.n == 0 ? NULL : event_type_check(prefix);
}

int source_options_bind(struct fields *f, const struct source_kind *kind, struct str json,
                        struct source_options *options)
{
    uint32_t present;
    size_t before = f->problem_count;

    *options = kind->standard;
    if (json.p != NULL &&
        fields_bind_member(f, kind->options, kind->option_count, json, PATH, options, &present) < 0)
        return ERR_INVALID;
    const char *wrong = kind->options_check != NULL ? kind->options_check(options) : NULL;
    if (wrong != NULL)
        fields_problem(f, "options", wrong);
    return f->problem_count > before ? ERR_INVALID : 0;
}

void source_read(const struct source_kind *kind, struct source_turn *turn)
{
    turn->count = 0;
    kind->turn(turn);
}

/* --- the seal --------------------------------------------------------------------------------- */

static void place(struct buf *bound, struct id source)
{
    buf_init(bound, 100);
    buf_add(bound, source.b, sizeof source.b);
    buf_add_text(bound, "secret of a source");
}

void source_seal(const struct seal_keys *keys, struct id source, struct str secret, struct buf *out)
{
    struct buf bound;

    place(&bound, source);
    seal_close(keys, buf_str(&bound), secret, out);
    buf_fini(&bound);
}

int source_open(const struct seal_keys *keys, struct id source, struct str sealed, struct buf *out)
{
    struct buf bound;

    place(&bound, source);
    int err = seal_open(keys, buf_str(&bound), buf_str(&bound), sealed, out);
    buf_fini(&bound);
    return err;
}
