/* Which addresses a delivery may be sent to: the public ones, by structure, plus the networks that
 * the operator opened.
 *
 * Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and updates); cloud
 * metadata services inside public space by their vendors' documents (168.63.129.16: Azure). */
#ifndef CORE_ADDRESS_H
#define CORE_ADDRESS_H

#include "base/str.h"

#include <sys/socket.h>

#define NETWORKS_MAX 64

struct network {
    uint8_t bytes[16]; /* IPv4: the first four */
    int bits;
    int family; /* AF_INET or AF_INET6 */
};

struct networks {
    struct network at[NETWORKS_MAX];
    size_t count;
};

/* A comma list of CIDRs ("127.0.0.0/8, fd00::/8"); a bare address is a network of one. Empty is
 * fine. ERR_INVALID and the piece that is wrong in `*bad`; host bits that are set are wrong too. */
int networks_parse(struct str list, struct networks *networks, struct str *bad) MUST_CHECK;

/* True if `address` is inside an opened network, or public. An IPv4-mapped IPv6 address is refused
 * even when its IPv4 address is allowed; any other family is refused. */
bool address_allowed(const struct networks *opened, const struct sockaddr *address);

/* Is the address in one of them? An IPv4-mapped IPv6 address is the IPv4 address. */
bool networks_contain(const struct networks *networks, const struct sockaddr *address);

/* An address in text, without a port, brackets or a zone. False: it is none. */
bool address_parse(struct str text, struct sockaddr_storage *address);

/* The other way round; an IPv4-mapped IPv6 address as the IPv4 address. "" for what is no address. Returns `out`. */
#define ADDRESS_TEXT_SIZE 46
const char *address_text(char out[ADDRESS_TEXT_SIZE], const struct sockaddr_storage *address);

/* False for a host name that means this machine or a private network whatever DNS says
 * ("localhost", "x.localhost", ".local", ".internal", ".home.arpa", ".onion", a name without a
 * dot). Lower case, no trailing dot. With loopback (127.0.0.1) opened, "localhost" and names below
 * it are fine. With any network opened, every other name but ".onion" is fine too: private names
 * may then lead to where deliveries may go, and the address decides after DNS. */
bool address_name_allowed(const struct networks *opened, struct str host);

#endif
