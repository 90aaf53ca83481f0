/* A name server for tests, on a thread and a loopback port of its own. */
#ifndef TESTS_DNS_SERVER_H
#define TESTS_DNS_SERVER_H

#include <stdint.h>

enum dns_mode {
    DNS_ANSWER,    /* all addresses */
    DNS_ALTERNATE, /* one address, another with every question for A */
    DNS_SILENT,
    DNS_SILENT_A,    /* on questions for A alone */
    DNS_SILENT_AAAA, /* on those for AAAA */
    DNS_REFUSES,
};

struct dns_record {
    const char *name; /* NULL ends the table; a name that is not in it does not exist */
    enum dns_mode mode;
    uint32_t ttl;
    const char *addresses[20];
};

struct dns_server;

struct dns_server *dns_server_start(const struct dns_record *records);
void dns_server_stop(struct dns_server *server);

/* For dns_create(). */
const char *dns_server_text(const struct dns_server *server);

/* Questions seen, and those for names that are not in the table. */
int dns_server_questions(const struct dns_server *server);
int dns_server_unknown(const struct dns_server *server);

#endif
