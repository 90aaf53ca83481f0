/* A chunked body (RFC 9112 §7.1) as it comes over the wire. libcurl reads it too, judges its grammar, and knows its
 * end by the same rules; but what lies around the data it would neither show nor bound. */
#include "fetch_internal.h"

/* '0' to '9', 'a' to 'f', 'A' to 'F'; otherwise -1. */
static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

static void end_line(struct fetch_chunks *chunks)
{
    switch (chunks->part) {
    case CHUNK_SIZE:
    case CHUNK_EXTENSION:
        chunks->part = chunks->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
        chunks->blank = true;
        return;
    case CHUNK_TRAILER:
        chunks->part = chunks->blank ? CHUNK_ENDED : CHUNK_TRAILER;
        chunks->blank = true;
        return;
    default: /* behind the data */
        chunks->part = CHUNK_SIZE;
    }
}

static void take_framing(struct fetch_chunks *chunks, char c)
{
    int digit = hex_digit(c);

    chunks->framing++;
    if (c == '\n')
        end_line(chunks);
    else if (c == '\r')
        return;
    else if (chunks->part == CHUNK_SIZE && digit >= 0)
        chunks->left = chunks->left << 4 | (uint64_t)digit;
    else if (chunks->part == CHUNK_SIZE)
        chunks->part = CHUNK_EXTENSION;
    else
        chunks->blank = false;
}

bool fetch_chunks_next(struct fetch_chunks *chunks, struct str *in, struct str *data)
{
    while (in->n > 0 && chunks->part != CHUNK_DATA && chunks->part != CHUNK_ENDED) {
        take_framing(chunks, *in->p++);
        in->n--;
    }
    if (in->n == 0 || chunks->part == CHUNK_ENDED)
        return false;
    *data = (struct str){in->p, in->n < chunks->left ? in->n : (size_t)chunks->left};
    in->p += data->n;
    in->n -= data->n;
    chunks->left -= data->n;
    if (chunks->left == 0)
        chunks->part = CHUNK_DATA_END;
    return true;
}
