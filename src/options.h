/* The judge of the options: every command asks it, and it says everything that is wrong. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "core/settings.h"

/* Reads the environment; the URLs of drop-in webhooks are then as libcurl spells them. ERR_INVALID when
 * there are faults. */
int options_load(struct settings *settings, struct faults *faults) MUST_CHECK;

#endif
