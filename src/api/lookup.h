/* What a call waits for while a key or a source's token is looked up, and what their text says before that. */
#ifndef API_LOOKUP_H
#define API_LOOKUP_H

#include "call.h"
#include "core/key.h"

/* What the text of a key or a token says of itself, by each of the encryption keys in force; as key_parse(). */
typedef enum key_proof lookup_parse(const uint8_t *check, struct str text, struct id *id);
enum key_proof lookup_proof(const struct api *api, lookup_parse *parse, struct str text,
                            struct id *id);

/* Asks for it, by the store's function, and `cb` is called with the call; or, where too many are asked for already, the
 * call is answered with 503. */
typedef struct db_op *lookup_ask(struct db *db, struct id id, db_cb *cb, void *arg);
void lookup_start(struct call *call, struct id id, enum key_proof proof, lookup_ask *ask,
                  db_cb *cb);

/* The callback's first line. */
void lookup_end(struct call *call);

#endif
