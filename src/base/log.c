/* logfmt lines, each in one write(2), so that lines of several threads never mix. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define TOKEN_MS (1000 / LOG_PER_SECOND)

static enum log_level max_level = LOG_LEVEL_INFO;

static pthread_mutex_t bounds_lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_bound *bounds; /* that have ever left out a line */

void log_set_level(enum log_level level)
{
    max_level = level;
}

bool log_enabled(enum log_level level)
{
    return level <= max_level;
}

/* A line being made. */
struct line {
    char text[2048];
    int n; /* what it would have, were there no end to `text` */
};

static void begin(struct line *line, enum log_level level, const char *event, uint64_t suppressed)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char time[CLOCK_TEXT_SIZE];

    line->n = snprintf(line->text, sizeof line->text, "time=%s level=%s event=%s ",
                       clock_text(time, clock_wall_ms(), CLOCK_MILLIS), names[level], event);
    if (suppressed > 0) /* where a long line is not cut */
        line->n += snprintf(line->text + line->n, sizeof line->text - (size_t)line->n,
                            "suppressed=%llu ", (unsigned long long)suppressed);
}

PRINTF_LIKE(2, 0)
static void add(struct line *line, const char *format, va_list args)
{
    line->n += vsnprintf(line->text + line->n, sizeof line->text - (size_t)line->n, format, args);
}

static void end(struct line *line)
{
    int n = line->n;

    if (n > (int)sizeof line->text - 2)
        n = (int)sizeof line->text - 2;
    if (line->text[n - 1] == ' ') /* there was no text */
        n--;
    line->text[n++] = '\n';
    ssize_t written = write(STDERR_FILENO, line->text, (size_t)n);
    (void)written; /* nowhere to report that the log is gone */
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
    struct line line;
    va_list args;

    if (!log_enabled(level))
        return;
    begin(&line, level, event, 0);
    va_start(args, format);
    add(&line, format, args);
    va_end(args);
    end(&line);
}

bool log_bound_take(struct log_bound *bound, int64_t now_ms, uint64_t *suppressed)
{
    int64_t full_ms = bound->full_ms > now_ms ? bound->full_ms : now_ms;

    *suppressed = bound->suppressed;
    if (full_ms + TOKEN_MS - now_ms > (int64_t)LOG_BURST * TOKEN_MS) {
        bound->suppressed++;
        return false;
    }
    bound->full_ms = full_ms + TOKEN_MS;
    bound->suppressed = 0;
    return true;
}

void log_line_bounded(struct log_bound *bound, enum log_level level, const char *event,
                      const char *format, ...)
{
    struct line line;
    uint64_t suppressed;
    va_list args;

    pthread_mutex_lock(&bounds_lock);
    bool taken = log_bound_take(bound, clock_mono_ms(), &suppressed);
    if (!taken && bound->event == NULL) {
        bound->event = event;
        bound->level = level;
        bound->next = bounds;
        bounds = bound;
    }
    pthread_mutex_unlock(&bounds_lock);
    if (!taken) {
        metric_add(METRIC_LOG_SUPPRESSED, 1);
        return;
    }
    begin(&line, level, event, suppressed);
    va_start(args, format);
    add(&line, format, args);
    va_end(args);
    end(&line);
}

static void write_suppressed(const struct log_bound *bound)
{
    struct line line;

    begin(&line, bound->level, bound->event, bound->suppressed);
    end(&line);
}

void log_flush(void)
{
    pthread_mutex_lock(&bounds_lock);
    for (struct log_bound *b = bounds; b != NULL; b = b->next) {
        if (b->suppressed > 0)
            write_suppressed(b);
        b->suppressed = 0;
    }
    pthread_mutex_unlock(&bounds_lock);
}

const char *log_quote(char out[LOG_QUOTE_SIZE], const char *text)
{
    size_t n = 0;
    out[n++] = '"';
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0' && n < 512; p++) {
        if (*p < 0x20 || *p == 0x7f)
            n += (size_t)snprintf(out + n, 5, "\\x%02x", *p);
        else {
            if (*p == '"' || *p == '\\')
                out[n++] = '\\';
            out[n++] = (char)*p;
        }
    }
    out[n++] = '"';
    out[n] = '\0';
    return out;
}
