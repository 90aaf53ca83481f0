/* What the calls of one server share: one thread, one loop. */
#ifndef API_API_H
#define API_API_H

#include "base/list.h"
#include "core/settings.h"
#include "io/db.h"
#include "io/loop.h"
#include "shares.h"
#include "store/queue.h"

struct auth_cache;
struct rates;
struct acceptor;
struct type_cache;
struct token_cache;
struct absence;
struct turns;
struct streams;

/* What calls have of something that is bounded in all. */
enum hold {
    HOLD_LOOKUP, /* a key that is looked up; shared by key */
    HOLD_GUESS,  /* that too, and its text does not prove that it was ever made; nobody's */
    HOLD_ANSWER, /* bytes of answers on their way; shared by app */
    HOLD_TEST,   /* a test that is not answered; shared by app */
    HOLD_LIST,   /* rows that are looked for; shared by app */
    HOLD_STREAM, /* an answer that goes on; shared by app */
    HOLD_COUNT,
};

/* Whose body a request's is. */
enum body_kind {
    BODY_PROVEN,  /* of a key that was made here */
    BODY_STRANGE, /* of one that may be a guess, or of none */
    BODY_KINDS,
};

struct api {
    const struct settings *settings;
    struct loop *loop;
    struct db *db, *reads; /* `reads`: for lists and plans, so that they are in nobody's way */
    struct queue *queue;
    struct auth_cache *auth;
    struct rates *rates; /* of all threads */
    struct acceptor *acceptor;
    struct accepts *accepts;
    struct type_cache *types;
    struct token_cache *tokens;
    struct absence *absence;
    struct turns *turns;
    struct streams *streams;
    struct list calls;      /* struct call */
    struct list test_waits; /* struct test_wait */
    struct shares held[HOLD_COUNT];
    struct shares bodies[BODY_KINDS]; /* bytes of requests' bodies, announced or here, by key */
    bool stopping;
};

#endif
