/* The options, understood: what the parts of the service share. Read once, never changed. */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include "base/config.h"
#include "base/crypto.h"
#include "base/log.h"
#include "core/address.h"
#include "core/backoff.h"

struct settings {
    struct config config;
    struct networks networks;
    struct schedule schedule;
    enum log_level log_level;
    uint8_t seal_key[SEAL_KEY_SIZE];
    uint8_t admin_key_hash[SHA256_SIZE]; /* when config.admin_key is not empty */
};

/* Reads the environment. On ERR_INVALID `*name` is the variable and `*why` what is wrong with it.
 */
int settings_load(struct settings *settings, const char **name, const char **why) MUST_CHECK;

#endif
