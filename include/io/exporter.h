/* Answers GET /metrics, and nothing else, at a place of its own: one thread, one loop. Nobody has to show a key there,
 * so it is not for tenants to reach. */
#ifndef IO_EXPORTER_H
#define IO_EXPORTER_H

#include "base/buf.h"
#include "base/host.h"

struct exporter;

/* Appends what /metrics says now, as OpenMetrics 1.0 has it; called on the exporter's thread. */
typedef void exporter_write(struct buf *out);

/* NULL, and a line in the log, when it cannot listen. */
struct exporter *exporter_create(const struct listening *at, exporter_write *write);

/* Until exporter_stop(), which any thread may call. */
void exporter_run(struct exporter *exporter);
void exporter_stop(struct exporter *exporter);

void exporter_destroy(struct exporter *exporter); /* NULL is fine */

#endif
