/* What a request says: its body, the ids in its path, its query. Where one of these is false, what it
 * says is wrong, and that has been replied. */
#ifndef API_INPUT_H
#define API_INPUT_H

#include "call.h"

/* Binds the body by a table (base/field.h). */
bool input_body(struct call *call, const struct field *table, size_t count, void *out) MUST_CHECK;

/* The body is JSON, of any kind, and no deeper than a body may be. */
bool input_json(struct call *call) MUST_CHECK;

/* The same for who has more to check: what is wrong with fields waits in call->fields, so that the client is told all
 * of it at once. False: it is no JSON object, and that has been replied. */
bool input_bind(struct call *call, const struct field *table, size_t count, void *out) MUST_CHECK;

/* False: there were problems, and they have been replied. */
bool input_is_fine(struct call *call) MUST_CHECK;

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

/* Decodes it into call->values. A parameter that is not the route's, comes twice or is malformed is a problem in
 * call->fields, as is one that is not what the functions below ask for; page_read() replies them, or input_is_fine(). */
void input_query(struct call *call);

/* One of the route's parameters, by its name; p == NULL: not given. */
struct str input_value(const struct call *call, const char *name);

/* A parameter as what it should be. One that was not given, or is wrong, leaves `*out` as it is. */
void input_i64(struct call *call, const char *name, int64_t min, int64_t max, int64_t *out);
void input_enum(struct call *call, const char *name, const char *const *names,
                int *out);                                          /* an index */
void input_time(struct call *call, const char *name, int64_t *out); /* ms */
void input_type(struct call *call, const char *name, struct str *out);

/* An id with one of `prefixes`, which end with NULL: whether there is one; `rule`: "must be …". */
bool input_id_given(struct call *call, const char *name, const char *const *prefixes,
                    const char *rule, struct id *id);

/* The parameter `webhook_id`, in which a uid was resolved (names.h). */
bool input_webhook_given(struct call *call, struct id *id);

#endif
