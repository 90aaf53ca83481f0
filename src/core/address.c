/* Which addresses a delivery may go to. Two tables hold what is not public; IPv6 starts from the
 * one block that is allocated for global unicast, so that what nobody thought of is refused. */
#include "core/address.h"

#include "base/err.h"
#include "base/host.h"

#include <arpa/inet.h>
#include <netinet/in.h>

struct prefix {
    uint8_t bytes[16];
    int bits;
};

/* IANA's registry of IPv4 special-purpose addresses, and one platform's own. */
static const struct prefix ipv4_refused[] = {
    {{0}, 8},                 /* this network; connects to loopback on Linux */
    {{10}, 8},                /* private */
    {{100, 64}, 10},          /* carrier-grade NAT; Alibaba's metadata service */
    {{127}, 8},               /* loopback */
    {{169, 254}, 16},         /* link-local; most metadata services */
    {{172, 16}, 12},          /* private */
    {{192, 0, 0}, 24},        /* protocol assignments; Oracle's metadata service */
    {{192, 0, 2}, 24},        /* documentation */
    {{192, 88, 99}, 24},      /* 6to4 relays, deprecated */
    {{192, 168}, 16},         /* private */
    {{198, 18}, 15},          /* benchmarks */
    {{198, 51, 100}, 24},     /* documentation */
    {{203, 0, 113}, 24},      /* documentation */
    {{224}, 4},               /* multicast */
    {{240}, 4},               /* reserved, broadcast */
    {{168, 63, 129, 16}, 32}, /* Azure's wire server: public space, but never the public */
};

static const struct prefix ipv6_global = {{0x20}, 3};

/* What is special inside the global block. */
static const struct prefix ipv6_refused[] = {
    {{0x20, 0x01}, 23},             /* protocol assignments: Teredo, ORCHID, benchmarks */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02}, 16},             /* 6to4: an IPv4 address inside */
    {{0x3f, 0xff}, 20},             /* documentation */
};

static const struct prefix ipv6_mapped = {{[10] = 0xff, [11] = 0xff}, 96};

/* Interface identifiers of ISATAP (RFC 5214 §6.1), after which an IPv4 address follows. */
static const uint8_t isatap[2][4] = {{0x00, 0x00, 0x5e, 0xfe}, {0x02, 0x00, 0x5e, 0xfe}};

static bool inside(const uint8_t *address, const uint8_t *prefix, int bits)
{
    size_t whole = (size_t)bits / 8;
    int rest = bits % 8;

    if (memcmp(address, prefix, whole) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff00 >> rest);
    return rest == 0 || ((address[whole] ^ prefix[whole]) & mask) == 0;
}

static bool inside_any(const uint8_t *address, const struct prefix *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (inside(address, table[i].bytes, table[i].bits))
            return true;
    return false;
}

static bool ipv4_public(const uint8_t *address)
{
    return !inside_any(address, ipv4_refused, ARRAY_LEN(ipv4_refused));
}

static bool ipv6_public(const uint8_t *address)
{
    if (!inside(address, ipv6_global.bytes, ipv6_global.bits) ||
        inside_any(address, ipv6_refused, ARRAY_LEN(ipv6_refused)))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(isatap); i++)
        if (memcmp(address + 8, isatap[i], sizeof isatap[i]) == 0)
            return ipv4_public(address + 12);
    return true;
}

static bool is_opened(const struct networks *opened, int family, const uint8_t *address)
{
    for (size_t i = 0; i < opened->count; i++) {
        const struct network *network = &opened->at[i];
        if (network->family == family && inside(address, network->bytes, network->bits))
            return true;
    }
    return false;
}

bool networks_contain(const struct networks *networks, const struct sockaddr *address)
{
    uint8_t bytes[16];

    if (address->sa_family == AF_INET) {
        memcpy(bytes, (const char *)address + offsetof(struct sockaddr_in, sin_addr), 4);
        return is_opened(networks, AF_INET, bytes);
    }
    if (address->sa_family != AF_INET6)
        return false;
    memcpy(bytes, (const char *)address + offsetof(struct sockaddr_in6, sin6_addr), 16);
    return inside(bytes, ipv6_mapped.bytes, ipv6_mapped.bits)
               ? is_opened(networks, AF_INET, bytes + 12)
               : is_opened(networks, AF_INET6, bytes);
}

bool address_parse(struct str text, struct sockaddr_storage *address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    uint8_t bytes[16];

    *address = (struct sockaddr_storage){0};
    switch (host_read(text, bytes)) {
    case HOST_IPV4:
        v4->sin_family = AF_INET;
        memcpy(&v4->sin_addr, bytes, 4);
        return true;
    case HOST_IPV6:
        v6->sin6_family = AF_INET6;
        memcpy(&v6->sin6_addr, bytes, 16);
        return true;
    default:
        return false;
    }
}

const char *address_text(char out[ADDRESS_TEXT_SIZE], const struct sockaddr_storage *address)
{
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
    const void *v4 = &((const struct sockaddr_in *)address)->sin_addr;
    const char *text = NULL;

    if (address->ss_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(v6))
        text = inet_ntop(AF_INET6, v6, out, ADDRESS_TEXT_SIZE);
    else if (address->ss_family == AF_INET6)
        text = inet_ntop(AF_INET, v6->s6_addr + 12, out, ADDRESS_TEXT_SIZE);
    else if (address->ss_family == AF_INET)
        text = inet_ntop(AF_INET, v4, out, ADDRESS_TEXT_SIZE);
    if (text == NULL)
        out[0] = '\0';
    return out;
}

bool address_allowed(const struct networks *opened, const struct sockaddr *address)
{
    uint8_t bytes[16];

    if (address->sa_family == AF_INET) {
        memcpy(bytes, (const char *)address + offsetof(struct sockaddr_in, sin_addr), 4);
        return is_opened(opened, AF_INET, bytes) || ipv4_public(bytes);
    }
    if (address->sa_family != AF_INET6)
        return false;
    memcpy(bytes, (const char *)address + offsetof(struct sockaddr_in6, sin6_addr), 16);
    if (inside(bytes, ipv6_mapped.bytes, ipv6_mapped.bits))
        return false;
    return is_opened(opened, AF_INET6, bytes) || ipv6_public(bytes);
}

/* Digits alone, no leading zero. */
static bool parse_bits(struct str text, int max, int *bits)
{
    int64_t value;

    if (!str_all_digits(text) || (text.n > 1 && text.p[0] == '0') ||
        !str_to_i64(text, 0, max, &value))
        return false;
    *bits = (int)value;
    return true;
}

static bool host_bits_clear(const struct network *network, int width)
{
    for (int i = network->bits; i < width; i++)
        if (network->bytes[i / 8] & (0x80 >> i % 8))
            return false;
    return true;
}

static bool parse_network(struct str text, struct network *network)
{
    char address[INET6_ADDRSTRLEN];
    struct str piece = text;
    const char *slash = text.n > 0 ? memchr(text.p, '/', text.n) : NULL;

    if (slash != NULL)
        piece.n = (size_t)(slash - text.p);
    if (piece.n == 0 || piece.n >= sizeof address || memchr(piece.p, '\0', piece.n) != NULL)
        return false;
    memcpy(address, piece.p, piece.n);
    address[piece.n] = '\0';

    *network = (struct network){.family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET};
    if (inet_pton(network->family, address, network->bytes) != 1)
        return false;
    int width = network->family == AF_INET6 ? 128 : 32;
    network->bits = width;
    if (slash != NULL &&
        !parse_bits((struct str){slash + 1, text.n - piece.n - 1}, width, &network->bits))
        return false;
    /* A mapped network would never match: say so rather than leave it without effect. */
    if (network->family == AF_INET6 && network->bits >= ipv6_mapped.bits &&
        inside(network->bytes, ipv6_mapped.bytes, ipv6_mapped.bits))
        return false;
    return host_bits_clear(network, width);
}

int networks_parse(struct str list, struct networks *networks, struct str *bad)
{
    struct str piece;

    *networks = (struct networks){0};
    *bad = (struct str){0};
    if (str_trim(list).n == 0)
        return 0;
    while (str_next(&list, ',', &piece)) {
        piece = str_trim(piece);
        if (networks->count == NETWORKS_MAX ||
            !parse_network(piece, &networks->at[networks->count])) {
            *bad = piece;
            return ERR_INVALID;
        }
        networks->count++;
    }
    return 0;
}

/* `host` is `name` or ends with a dot and `name`. */
static bool is_at_or_below(struct str host, const char *name)
{
    struct str tail = str_of(name);

    if (host.n < tail.n)
        return false;
    size_t before = host.n - tail.n;
    return memcmp(host.p + before, tail.p, tail.n) == 0 &&
           (before == 0 || host.p[before - 1] == '.');
}

bool address_name_allowed(const struct networks *opened, struct str host)
{
    static const uint8_t loopback[4] = {127, 0, 0, 1};
    static const char *const private_names[] = {"local", "internal", "home.arpa"};

    if (host.n == 0 || is_at_or_below(host, "onion"))
        return false;
    if (is_at_or_below(host, "localhost"))
        return is_opened(opened, AF_INET, loopback);
    if (opened->count > 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(private_names); i++)
        if (is_at_or_below(host, private_names[i]))
            return false;
    return memchr(host.p, '.', host.n) != NULL;
}
