/* The head of a message, twice: as it is sent, and without plain secrets for history. */
#include "profile_internal.h"

#include "base/err.h"
#include "core/signature.h"

void head_add(struct head *h, struct str text)
{
    buf_add_str(h->sent, text);
    buf_add_str(h->masked, text);
}

void head_printf(struct head *h, const char *format, ...)
{
    size_t start = h->sent->n;
    va_list args;

    va_start(args, format);
    buf_vprintf(h->sent, format, args);
    va_end(args);
    buf_add(h->masked, h->sent->p + start, h->sent->n - start);
}

void head_add_secret(struct head *h, struct str secret)
{
    buf_add_str(h->sent, secret);
    buf_add_text(h->masked, "***");
}

void head_add_auth(struct head *h, const char *name, int auth, struct str secret, struct str body)
{
    struct buf hex;

    if (secret.n == 0 || auth == AUTH_NONE)
        return;
    head_printf(h, "%s: ", name);
    if (auth == AUTH_PLAIN) {
        head_add_secret(h, secret);
    } else {
        buf_init(&hex, 64);
        signature_hex(&hex, "", secret, body);
        head_add(h, buf_str(&hex));
        buf_fini(&hex);
    }
    head_add(h, STR_LIT("\r\n"));
}

int head_end(const struct head *h)
{
    return h->sent->overflow || h->masked->overflow ? ERR_INVALID : 0;
}
