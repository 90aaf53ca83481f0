/* Names and addresses by their text alone: nothing is looked up. */
#include "base/host.h"

#include <arpa/inet.h>

#define LABEL_MAX 63

static bool is_name_byte(char c)
{
    return str_is_alnum(c) || c == '-' || c == '_';
}

static bool is_label(struct str label)
{
    for (size_t i = 0; i < label.n; i++)
        if (!is_name_byte(label.p[i]))
            return false;
    return label.n >= 1 && label.n <= LABEL_MAX;
}

/* Decimal, or hexadecimal as inet_aton() reads it: "0x7f", and "0x" alone. */
static bool is_number(struct str label)
{
    bool hex = label.n >= 2 && label.p[0] == '0' && (label.p[1] | 0x20) == 'x';
    for (size_t i = hex ? 2 : 0; i < label.n; i++)
        if (hex ? str_hex(label.p[i]) < 0 : !str_is_digit(label.p[i]))
            return false;
    return true;
}

static enum host_kind read_name(struct str text)
{
    struct str rest = text, label = {0};

    if (text.n == 0 || text.n > HOST_MAX || text.p[text.n - 1] == '.')
        return HOST_BAD_NAME;
    while (str_next(&rest, '.', &label))
        if (!is_label(label))
            return HOST_BAD_NAME;
    return is_number(label) ? HOST_BAD_ADDRESS : HOST_NAME;
}

enum host_kind host_read(struct str text, uint8_t bytes[16])
{
    char copy[INET6_ADDRSTRLEN] = "";

    if (text.n > 0 && text.n < sizeof copy && memchr(text.p, '\0', text.n) == NULL) {
        memcpy(copy, text.p, text.n);
        if (inet_pton(AF_INET, copy, bytes) == 1)
            return HOST_IPV4;
        if (inet_pton(AF_INET6, copy, bytes) == 1)
            return HOST_IPV6;
    }
    return read_name(text);
}

static bool read_port(struct host *host)
{
    int64_t number;

    if (!str_all_digits(host->port) || !str_to_i64(host->port, 0, 65535, &number))
        return false;
    host->number = (int)number;
    return true;
}

bool host_parse(struct str text, struct host *host)
{
    bool brackets = text.n > 0 && text.p[0] == '[';
    const char *end = text.n > 0 ? memchr(text.p, brackets ? ']' : ':', text.n) : NULL;
    uint8_t bytes[16];

    *host = (struct host){.name = text};
    if (brackets && end == NULL)
        return false;
    if (brackets)
        host->name = (struct str){text.p + 1, (size_t)(end - text.p) - 1};
    else if (end != NULL)
        host->name.n = (size_t)(end - text.p);
    const char *rest = brackets ? end + 1 : end;
    size_t left = rest != NULL ? (size_t)(text.p + text.n - rest) : 0;
    if (left > 0) {
        host->port = (struct str){rest + 1, left - 1};
        if (rest[0] != ':' || !read_port(host))
            return false;
    }
    host->kind = host_read(host->name, bytes);
    return brackets ? host->kind == HOST_IPV6 : host->kind == HOST_NAME || host->kind == HOST_IPV4;
}
