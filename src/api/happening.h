/* What streams of an app might be waiting for has happened: accepted, answered or set going again. Of all threads, and
 * by app, more or less; a number that is another than before. */
#ifndef API_HAPPENING_H
#define API_HAPPENING_H

#include "base/id.h"

void happening_tell(struct id app);
uint32_t happening_of(struct id app);

#endif
