/* Options, sealed and opened. */
#include "core/webhook_options.h"

#include "base/crypto.h"
#include "base/err.h"
#include "core/settings.h"
#include "core/webhook.h"

#include <stdlib.h>

#define PLAIN_MAX ((size_t)4 * PROFILE_OPTIONS_MAX) /* all members, given or not */
#define KEPT_MAX  (2 * PLAIN_MAX)

/* How a text begins that is sealed, and to what it is bound besides the webhook. */
static const struct {
    const char *head;
    enum webhook_column column;
} forms[] = {
    {"{\"sealed\":\"", WEBHOOK_OPTIONS},
    {"{\"sealed_here\":\"", WEBHOOK_OPTIONS_HERE},
};

#define TAIL "\"}"

static void seal(const struct settings *settings, size_t form, struct id webhook, struct str url,
                 struct str json, struct buf *out)
{
    struct buf sealed;

    buf_init(&sealed, PLAIN_MAX + SEAL_OVERHEAD);
    webhook_seal_at(settings, forms[form].column, webhook, webhook_origin(url), json, &sealed);
    buf_add_text(out, forms[form].head);
    crypto_base64(out, sealed.p, sealed.n);
    buf_add_text(out, TAIL);
    buf_fini(&sealed);
}

void webhook_options_seal(const struct settings *settings, const struct profile *profile,
                          struct id webhook, struct str json, struct buf *out)
{
    if (profile->mask == NULL || str_eq(json, STR_LIT("{}")))
        buf_add_str(out, json);
    else
        seal(settings, 0, webhook, STR_LIT(""), json, out);
}

void webhook_options_seal_here(const struct settings *settings, struct id webhook, struct str url,
                               struct str json, struct buf *out)
{
    seal(settings, 1, webhook, url, json, out);
}

/* What is sealed in a text of this form; n == 0: it is another. free() its bytes. */
static struct str sealed_of(size_t form, struct str kept)
{
    struct str head = str_of(forms[form].head), tail = STR_LIT(TAIL);

    if (!str_starts(kept, head) || kept.n < head.n + tail.n || kept.n > KEPT_MAX)
        return (struct str){NULL, 0};
    struct str base64 = {kept.p + head.n, kept.n - head.n - tail.n};
    uint8_t *bytes = xcalloc(1, base64.n + 1);
    ssize_t n = crypto_base64_decode(base64, bytes, base64.n);
    return (struct str){(const char *)bytes, n > 0 ? (size_t)n : 0};
}

static int unseal(const struct settings *settings, size_t form, struct id webhook, struct str url,
                  struct str kept, struct buf *out)
{
    struct str sealed = sealed_of(form, kept);
    struct str origin = forms[form].column == WEBHOOK_OPTIONS ? STR_LIT("") : webhook_origin(url);

    int err = webhook_open_at(settings, forms[form].column, webhook, origin, sealed, out);
    free((void *)(uintptr_t)sealed.p);
    return err;
}

bool webhook_options_are_new(const struct settings *settings, const struct profile *profile,
                             struct str kept)
{
    struct str sealed = sealed_of(0, kept);
    bool is_sealed = sealed.p != NULL;
    bool is_new = is_sealed ? seal_is_new(&settings->seal_keys, sealed)
                            : profile->mask == NULL || str_eq(kept, STR_LIT("{}"));

    free((void *)(uintptr_t)sealed.p);
    return is_new;
}

int webhook_options_open(const struct settings *settings, struct id webhook, struct str url,
                         struct str kept, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (str_starts(kept, str_of(forms[i].head)))
            return unseal(settings, i, webhook, url, kept, out);
    buf_add_str(out, kept);
    return 0;
}

int webhook_options_bind(const struct settings *settings, struct fields *f,
                         const struct profile *profile, struct id webhook, struct str url,
                         struct str kept, struct profile_options *options)
{
    struct buf plain;

    if (str_eq(kept, STR_LIT("{}"))) /* nearly always it is */
        return profile_options_bind(f, profile, kept, options);
    buf_init(&plain, KEPT_MAX);
    int err = webhook_options_open(settings, webhook, url, kept, &plain);
    if (err == 0)
        err = profile_options_bind(f, profile, buf_str(&plain), options);
    else
        err = ERR_INTERNAL;
    crypto_forget(&plain);
    return err;
}
