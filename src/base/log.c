/* logfmt lines, each in one write(2), so that lines of several threads never mix. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

static enum log_level max_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    max_level = level;
}

bool log_enabled(enum log_level level)
{
    return level <= max_level;
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char line[2048], time[CLOCK_TEXT_SIZE];

    if (!log_enabled(level))
        return;
    int n = snprintf(line, sizeof line, "time=%s level=%s event=%s ",
                     clock_text(time, clock_wall_ms(), CLOCK_MILLIS), names[level], event);
    va_list args;
    va_start(args, format);
    n += vsnprintf(line + n, sizeof line - (size_t)n, format, args);
    va_end(args);
    if (n > (int)sizeof line - 2)
        n = (int)sizeof line - 2;
    line[n++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, (size_t)n);
    (void)written; /* nowhere to report that the log is gone */
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
