/* Where the API is and what opens it: flags, the environment, and the profile file
 * ($XDG_CONFIG_HOME/posthorn/profile, else ~/.config/posthorn/profile):
 *
 *     url = https://hooks.example.com
 *     key = ph_…
 *
 *     [staging]
 *     url = http://127.0.0.1:8080
 *     key = ph_…
 *     app = customer-7
 *
 * A section is chosen by --profile; what stands before the first is for who chooses none. A key of the file is sent to the
 * URL that stands with it, and to no other. */
#ifndef CLI_PROFILE_H
#define CLI_PROFILE_H

#include "command.h"

#define PROFILE_VALUE_MAX 2048

struct profile {
    char url[PROFILE_VALUE_MAX + 1];
    char key[PROFILE_VALUE_MAX + 1];
    char app[PROFILE_VALUE_MAX + 1];     /* "": the key's */
    char ca_file[PROFILE_VALUE_MAX + 1]; /* POSTHORN_CA_FILE; "": the system's certificates */
};

/* False: it cannot be used, or there is none, and stderr says what to do. */
bool profile_load(struct profile *profile, const struct cli *cli) MUST_CHECK;

/* The environment says where the API is. */
bool profile_is_set(void);

#endif
