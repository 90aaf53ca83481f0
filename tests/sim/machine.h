/* The machine under the processes of a run, besides what io/ has of it. */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include "sim.h"

#include "core/settings.h"

extern struct settings sim_settings; /* of all processes */

void machine_begin(void);

/* The timeout that was set last is due now. */
sim_fn base_run_last_timeout;

/* A worker's last part was closed. */
void proc_closed(struct proc *proc);

#endif
