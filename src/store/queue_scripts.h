/* The Lua of the queue. What the keys are and how the ring works is said in queue_scripts.c. */
#ifndef STORE_QUEUE_SCRIPTS_H
#define STORE_QUEUE_SCRIPTS_H

#include "io/redis.h"

#define QUEUE_PREFIX "posthorn:{q}:"
#define QUEUE_WAKE   QUEUE_PREFIX "wake"

/* ARGV: records of id, webhook, delay_ms, concurrency, rate, force, as ">c16c16i4i4i4B"; lease_ms.
 */
extern const struct redis_script queue_script_enqueue;
#define QUEUE_ENQUEUE_SIZE 45

/* ARGV: max, lease_ms. Answers {next_ms, ids and webhooks of 16 bytes each}. */
extern const struct redis_script queue_script_claim;

/* ARGV: records of id, webhook, delay_ms or -1, as ">c16c16i4"; lease_ms. */
extern const struct redis_script queue_script_ack;
#define QUEUE_ACK_SIZE 36

/* ARGV: the epoch to set. Answers 1 if it was missing. */
extern const struct redis_script queue_script_sweep;

#endif
