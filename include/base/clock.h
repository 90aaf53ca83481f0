/* Two clocks. Monotonic: deadlines and durations. Wall: what people read; never compared. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/str.h"

int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
int64_t clock_wall_ms(void); /* Unix epoch, UTC */

/* RFC 3339 UTC, "2026-01-02T03:04:05Z" or "2026-01-02T03:04:05.678Z". Returns `out`. */
#define CLOCK_TEXT_SIZE 32
enum clock_precision { CLOCK_SECONDS, CLOCK_MILLIS };
const char *clock_text(char out[CLOCK_TEXT_SIZE], int64_t wall_ms, enum clock_precision precision);

/* Any RFC 3339 timestamp; false if it is not one. What is before 1970 counts as its beginning. */
bool clock_parse(struct str text, int64_t *wall_ms);
#define CLOCK_PARSE_RULE "must be a time like 2026-01-02T03:04:05Z (RFC 3339)"

/* An HTTP date in the preferred form of RFC 9110 §5.6.7, "Sun, 06 Nov 1994 08:49:37 GMT"; written, for years to 9999.
 * Returns `out`. */
#define CLOCK_HTTP_BYTES 29
const char *clock_text_http(char out[CLOCK_TEXT_SIZE], int64_t wall_ms);
bool clock_parse_http(struct str text, int64_t *wall_ms);

#endif
