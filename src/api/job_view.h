/* How jobs look in JSON. */
#ifndef API_JOB_VIEW_H
#define API_JOB_VIEW_H

#include "base/jsonw.h"
#include "store/jobs.h"

/* An object. One that was only planned has no id: it is null. */
void job_write(struct jsonw *w, const struct job *job, bool planned);

#endif
