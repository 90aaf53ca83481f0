/* core/address against Python's ipaddress: whatever that holds for special is refused, and what else is refused stands
 * in the list here. */
#include "address_table.h"
#include "fuzz.h"

#include "core/address.h"

#include <arpa/inet.h>

/* Stricter than Python, and meant. */
static const struct special ours[] = {
    {4, "192.0.0.0", 24}, {4, "192.88.99.0", 24}, {4, "168.63.129.16", 32}, {6, "2001::", 23},
    {6, "2002::", 16},    {6, "3fff::", 20},      {6, "2001:db8::", 32},    {0, NULL, 0},
};

static bool within(const struct special *list, int version, const uint8_t *bytes)
{
    for (; list->version != 0; list++) {
        uint8_t network[16];
        bool same = list->version == version;
        if (!same)
            continue;
        require(inet_pton(version == 4 ? AF_INET : AF_INET6, list->network, network) == 1);
        for (int bit = 0; same && bit < list->bits; bit++)
            same = ((bytes[bit / 8] ^ network[bit / 8]) >> (7 - bit % 8) & 1) == 0;
        if (same)
            return true;
    }
    return false;
}

static bool special_ipv4(const uint8_t *bytes)
{
    return within(specials, 4, bytes) || within(ours, 4, bytes);
}

/* ISATAP: an IPv4 address inside. */
static bool special_ipv6(const uint8_t *bytes)
{
    char text[INET6_ADDRSTRLEN];
    bool isatap = (bytes[8] & ~2) == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;

    inet_ntop(AF_INET6, bytes, text, sizeof text);
    return (bytes[0] & 0xe0) != 0x20 || within(specials, 6, bytes) || within(ours, 6, bytes) ||
           (isatap && special_ipv4(bytes + 12));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct networks none;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (size < 16) {
        if (size < 4)
            return 0;
        memcpy(&v4.sin_addr, data, 4);
        require(address_allowed(&none, (struct sockaddr *)&v4) == !special_ipv4(data));
        return 0;
    }
    memcpy(&v6.sin6_addr, data, 16);
    require(address_allowed(&none, (struct sockaddr *)&v6) == !special_ipv6(data));
    return 0;
}
