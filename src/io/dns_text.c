/* Names, addresses, and why there are none, in text. */
#include "io/dns.h"

#include "base/err.h"
#include "base/host.h"

#include <arpa/inet.h>

bool dns_is_name(struct str host)
{
    uint8_t bytes[16];

    host.n -= host.n > 0 && host.p[host.n - 1] == '.';
    return host_read(host, bytes) == HOST_NAME;
}

const char *dns_reason(int err)
{
    static const struct {
        int err;
        const char *text;
    } rows[] = {
        {ERR_NOT_FOUND, "DNS has no address"},
        {ERR_TIMEOUT, "no DNS answer in time"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].err == err)
            return rows[i].text;
    return "the DNS servers could not answer";
}

void dns_address_text(char out[INET6_ADDRSTRLEN], const struct sockaddr_storage *address)
{
    bool v6 = address->ss_family == AF_INET6;
    size_t offset =
        v6 ? offsetof(struct sockaddr_in6, sin6_addr) : offsetof(struct sockaddr_in, sin_addr);

    if (inet_ntop(address->ss_family, (const char *)address + offset, out, INET6_ADDRSTRLEN) ==
        NULL)
        memcpy(out, "?", 2);
}
