/* What happens to the connections of all processes to PostgreSQL and to Redis. */
#ifndef SIM_LINES_H
#define SIM_LINES_H

#include "sim.h"

/* Their tables of clients are empty. */
void db_lines_begin(void);
void redis_lines_begin(void);

/* Connections to PostgreSQL of `proc`, or of all (NULL), break. `server_gone`: what was sent and has not happened never
 * will; else it may, later. */
void db_cut(const struct proc *proc, bool server_gone);
void redis_cut(const struct proc *proc, bool server_gone);

/* Redis says nothing for so long: clients notice. */
void redis_freeze(int64_t us);

#endif
