/* Secrets that commands are given. */
#include "secret.h"

#include "body.h"
#include "core/verify.h"
#include "show.h"

#include <stdio.h>
#include <stdlib.h>

bool secret_read(struct buf *out, const struct cli *cli)
{
    const char *given = cli_flag(cli, "secret"), *file = cli_flag(cli, "secret-file");
    char path[4096];

    if (given != NULL && file != NULL) {
        show_error("give --secret or --secret-file, not both");
        return false;
    }
    if (file != NULL) {
        if ((size_t)snprintf(path, sizeof path, "@%s", file) >= sizeof path) {
            show_error("--secret-file is too long a path");
            return false;
        }
        if (!body_read_bytes(out, path))
            return false;
        if (out->n > 0 && out->p[out->n - 1] == '\n')
            out->n--;
    } else {
        if (given == NULL)
            given = getenv("POSTHORN_SECRET");
        buf_add_text(out, given != NULL ? given : "");
    }
    if (out->n <= VERIFY_SECRET_MAX && !out->overflow)
        return true;
    show_error("the secret is longer than %d bytes", VERIFY_SECRET_MAX);
    return false;
}
