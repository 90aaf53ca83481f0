/* Values in the API's answers: slices of JSON that json_check() accepted, with the numbers and the order that came. */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include "base/json.h"

/* The value of a member, through objects: "last_error.code". p == NULL: there is none, or not an object on the way. */
struct str value_get(struct str object, const char *path);

/* The member is the string `text`. */
bool value_is(struct str object, const char *path, const char *text);

/* The member as an integer; `standard` if it is none. */
int64_t value_number(struct str object, const char *path, int64_t standard);

/* Appends a value for people: a string as it is, null and what is missing as "-", true as yes, a list of such with
 * commas between, anything else as JSON. */
void value_show(struct buf *out, struct str value);

/* Appends the text of a string member; nothing if it is none. True if it is one. */
bool value_text(struct buf *out, struct str object, const char *path);

#endif
