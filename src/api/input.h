/* What a request says: its body, the ids in its path, its query. Where one of these is false, what it
 * says is wrong, and that has been replied. */
#ifndef API_INPUT_H
#define API_INPUT_H

#include "call.h"

/* Binds the body by a table (base/field.h). */
bool input_body(struct call *call, const struct field *table, size_t count, void *out) MUST_CHECK;

/* The same; an empty body is fine, and leaves `out` as it is. */
bool input_body_if_any(struct call *call, const struct field *table, size_t count,
                       void *out) MUST_CHECK;

/* A header; p == NULL: not there. It comes once, since of two nobody knows which one counts. */
bool input_header(struct call *call, const char *name, struct str *out) MUST_CHECK;

/* params[i] as an id; false: it is none, and the answer is 404. */
bool input_id(struct call *call, int i, const char *prefix, struct id *id) MUST_CHECK;

/* A bound map as JSON text, in the request's pool. */
struct str input_map_json(struct call *call, const struct field_map *map);

/* --- the query -------------------------------------------------------------------------------- */

/* Decodes it into call->values; false: a parameter is not the route's, comes twice, or is malformed. */
bool input_query(struct call *call) MUST_CHECK;

/* One of the route's parameters, by its name; p == NULL: not given. */
struct str input_value(const struct call *call, const char *name);

/* A parameter as what it should be. One that was not given leaves `*out` as it is. */
bool input_i64(struct call *call, const char *name, int64_t min, int64_t max,
               int64_t *out) MUST_CHECK;
bool input_enum(struct call *call, const char *name, const char *const *names,
                int *out) MUST_CHECK;                                          /* an index */
bool input_time(struct call *call, const char *name, int64_t *out) MUST_CHECK; /* ms */
bool input_type(struct call *call, const char *name, struct str *out) MUST_CHECK;

#endif
