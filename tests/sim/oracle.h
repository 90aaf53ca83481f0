/* What must be so in every run, seen from outside: what was answered 202, what receivers got, and what the ledger's rows
 * went through. */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include "ledger.h"

#define REQUESTS_MAX 1024

enum request_end { REQUEST_OPEN, REQUEST_SUCCEEDED, REQUEST_FAILED, REQUEST_CANCELLED };

/* A request to a receiver. */
struct request {
    int delivery, webhook, number;
    int proc, life;
    int64_t owner, token;
    int64_t started_us, ended_us, lease_us; /* the last by PostgreSQL's clock */
    bool succeeded;                         /* the receiver took it */
    enum request_end end;                   /* as its worker knows */
    bool excused; /* what came of it may be unknown to the ledger: it may be sent again */
    const char *why;
    bool undone;  /* by a crash of PostgreSQL */
    bool counted; /* it used up a step of the schedule */
};

struct oracle {
    struct request requests[REQUESTS_MAX];
    int request_count, duplicates;
    int under_way[WEBHOOKS_MAX];
};
extern struct oracle oracle;

void oracle_begin(void);

/* The ledger: a statement was committed; all is on disk; what was not is lost (`before`: the rows until then). */
void oracle_committed(const struct ledger *before, const char *statement);
void oracle_crashed(const struct ledger *before);

/* A claim asks for these; it has got some, with this token. An event is stored with this id. */
void oracle_asked(uint64_t deliveries);
void oracle_claimed(int64_t token);
void oracle_stored(struct id event);

/* A record of a success was committed. */
void oracle_success(int delivery);

/* An event was answered 202. */
void oracle_accepted(struct id event);

/* A request begins; its number. It ended, for its worker; `dead`: the receiver does not work. */
int oracle_request(int delivery, int number);
void oracle_request_ended(int request, enum request_end end, bool dead);

/* A process ended without a word, or gave up. */
void oracle_died(const struct proc *proc);

/* All is sent that was accepted; Redis says the same as the ledger. */
bool oracle_is_done(void);
const char *oracle_left(void); /* of what was accepted: in words */
bool oracle_is_settled(const char **why);
void oracle_check_end(void);

#endif
