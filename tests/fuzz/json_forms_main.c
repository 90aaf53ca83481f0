/* Lets json_forms.py ask for the forms of many documents: batches in, answers out.
 *
 * In: a 32-bit count of documents, then each as a 32-bit length and bytes. Out, for each document,
 * the six results of `asked`, each as a 32-bit length and bytes; the length REJECTED and no bytes
 * where there is no result. Numbers are of the machine's own byte order. */
#include "base/err.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_FORM = 1 << 26 };

static const uint32_t REJECTED = UINT32_MAX;

static const struct {
    enum json_form form;
    enum json_bigint bigint;
} asked[] = {
    {JSON_FORM_JS, JSON_BIGINT_STRING},
    {JSON_FORM_JS, JSON_BIGINT_REJECT},
    {JSON_FORM_JS, JSON_BIGINT_VERBATIM},
    {JSON_FORM_PYTHON, JSON_BIGINT_STRING},
    {JSON_FORM_PYTHON_COMPACT, JSON_BIGINT_STRING},
    {JSON_FORM_VERBATIM, JSON_BIGINT_STRING},
};

static bool read_count(uint32_t *count)
{
    return fread(count, sizeof *count, 1, stdin) == 1;
}

static void answer(const char *bytes, uint32_t n)
{
    fwrite(&n, sizeof n, 1, stdout);
    if (n != REJECTED)
        fwrite(bytes, 1, n, stdout);
}

static void answer_all(struct str text, struct buf *out)
{
    struct json_error error;
    bool valid = json_check(text, JSON_DEPTH_MAX, &error) == 0;

    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        buf_clear(out);
        if (!valid || json_write_form(out, text, asked[i].form, asked[i].bigint) < 0)
            answer("", REJECTED);
        else
            answer(out->p, (uint32_t)out->n);
    }
}

/* Every document in memory of exactly its size, so that a sanitizer sees the first byte beyond. */
static bool answer_document(struct buf *out)
{
    uint32_t n;
    if (!read_count(&n))
        return false;
    char *text = malloc(n);
    bool complete = fread(text, 1, n, stdin) == n;
    if (complete)
        answer_all((struct str){text, n}, out);
    free(text);
    return complete;
}

int main(void)
{
    struct buf out;
    uint32_t count;
    bool ok = true;

    buf_init(&out, MAX_FORM);
    while (ok && read_count(&count)) {
        for (uint32_t i = 0; ok && i < count; i++)
            ok = answer_document(&out);
        fflush(stdout);
    }
    buf_fini(&out);
    return ok ? 0 : 1;
}
