/* Addresses in text. */
#include "fetch_internal.h"

#include <stdio.h>

void fetch_address_text(char out[64], const struct sockaddr *address, uint16_t port)
{
    char host[INET6_ADDRSTRLEN] = "?";
    bool v6 = address->sa_family == AF_INET6;
    size_t offset =
        v6 ? offsetof(struct sockaddr_in6, sin6_addr) : offsetof(struct sockaddr_in, sin_addr);

    inet_ntop(address->sa_family, (const char *)address + offset, host, sizeof host);
    if (port == 0)
        snprintf(out, 64, "%s", host);
    else
        snprintf(out, 64, v6 ? "[%s]:%u" : "%s:%u", host, port);
}
