/* What the system says of this process. */
#ifndef PROCESS_H
#define PROCESS_H

/* Sets the metrics of it (base/metrics.h). Always on the same thread: they are that thread's. */
void process_measure(void);

#endif
