/* The profiles, each defined in its own file. */
#ifndef CORE_PROFILE_INTERNAL_H
#define CORE_PROFILE_INTERNAL_H

#include "core/profile.h"

extern const struct profile profile_default;

#endif
