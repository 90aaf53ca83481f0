/* HTTP header lines: "Name: value", each ending with a line feed or with CRLF. */
#ifndef BASE_HEADER_H
#define BASE_HEADER_H

#include "base/str.h"

/* The value of the first header `name` (any case) in a head, without the spaces around it; or
 * p == NULL. */
struct str header_find(struct str head, const char *name);

/* A token of RFC 9110 §5.6.2, which every header name is. */
bool header_is_name(struct str name);

#endif
