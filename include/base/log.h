/* One logfmt line per event on stderr, in one write(2).
 *
 *     log_warn("webhook_disabled", "webhook=%s reason=gone", id);
 *     → time=2026-01-02T03:04:05.678Z level=warn event=webhook_disabled webhook=wh_… reason=gone
 *
 * Ids come first. Never a payload, a secret, or a URL. Text that is not ours goes through
 * log_quote(). */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/defs.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above `level` are dropped. Set once, before threads start. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

void log_line(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                              \
    do {                                            \
        if (log_enabled(LOG_LEVEL_DEBUG))           \
            log_line(LOG_LEVEL_DEBUG, __VA_ARGS__); \
    } while (0)

/* For lines that receivers, clients or faults can cause without end: from one such place in the code
 * come at most LOG_BURST lines at once and LOG_PER_SECOND in the long run. How many were left out is
 * said by the next one, or by log_flush(), as suppressed=N. Any thread. */
#define LOG_BURST      50
#define LOG_PER_SECOND 10

#define log_bounded(level, ...)                            \
    do {                                                   \
        static struct log_bound bound_;                    \
        if (log_enabled(level))                            \
            log_line_bounded(&bound_, level, __VA_ARGS__); \
    } while (0)

/* A line for each bound that has left out some and not said so. For every second, and for the end. */
void log_flush(void);

/* A bucket of LOG_BURST tokens that fills with time. Zeroed: full. */
struct log_bound {
    int64_t full_ms; /* when it is full again */
    uint64_t suppressed;
    struct log_bound *next; /* those that have ever left out some */
    const char *event;
    enum log_level level;
};

/* True: this line may go out, and `*suppressed` before it did not. */
bool log_bound_take(struct log_bound *bound, int64_t now_ms, uint64_t *suppressed);

void log_line_bounded(struct log_bound *bound, enum log_level level, const char *event,
                      const char *format, ...) PRINTF_LIKE(4, 5);

/* `text` as a quoted logfmt value: control bytes and quotes escaped, cut at 512 bytes. The result
 * is in `out`. */
#define LOG_QUOTE_SIZE 600
const char *log_quote(char out[LOG_QUOTE_SIZE], const char *text);

#endif
