/* The options, understood: what the parts of the service share. Read once, never changed. */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include "base/config.h"
#include "base/crypto.h"
#include "base/host.h"
#include "base/log.h"
#include "base/proxy.h"
#include "core/address.h"
#include "core/backoff.h"
#include "core/dropin.h"
#include "core/port.h"
#include "core/seal.h"

struct settings {
    struct config config;
    int api_connections; /* at once, of a thread of the API; no option: what the limit of open files leaves */
    struct listening listen, metrics_listen; /* text "": nowhere */
    struct networks networks;
    struct ports ports;
    struct proxy egress_proxy;
    struct networks proxies; /* in front of the API */
    struct schedule schedule;
    enum log_level log_level;
    struct seal_keys seal_keys;
    uint8_t key_checks[SEAL_KEYS_MAX]
                      [SHA256_SIZE];     /* of each, what the check in API keys is made with */
    uint8_t admin_key_hash[SHA256_SIZE]; /* when config.admin_key is not empty */
    struct dropins dropins;
};

/* Reads the environment. Everything that is wrong is added to `faults`, and so is whatever is wrong
 * with the URLs later: no fault, no error (options.h). */
void settings_load(struct settings *settings, struct faults *faults);

#endif
