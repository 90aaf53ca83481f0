/* Which ports a webhook may have: those that the operator lists, or all but those where something else than HTTP
 * is at home.
 *
 * Sources: the bad ports of the Fetch standard (https://fetch.spec.whatwg.org/#port-blocking), and those of services
 * that browsers do not know of, which take lines of text or are nobody's to knock at: SMB, remote desktops, databases
 * and caches (IANA Service Name and Transport Protocol Port Number Registry, and their vendors' documents). */
#ifndef CORE_PORT_H
#define CORE_PORT_H

#include "base/str.h"

#define PORTS_MAX 64

struct port_range {
    uint16_t first, last;
};

struct ports {
    struct port_range at[PORTS_MAX];
    size_t count; /* 0: all but those of other services */
};

/* A comma list of ports and ranges ("443, 8000-8999"). Empty is fine. ERR_INVALID and the piece that is wrong in
 * `*bad`. */
int ports_parse(struct str list, struct ports *ports, struct str *bad) MUST_CHECK;

bool port_allowed(const struct ports *ports, uint16_t port);

#endif
