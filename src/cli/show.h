/* What is written to people and programs: text of the API's, or of whoever answers in its place, is never sent to a
 * terminal as it is. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include "base/buf.h"

/* "posthorn: …" on stderr, made clean, line by line. */
void show_error(const char *format, ...) PRINTF_LIKE(1, 2);

/* Likewise without the name in front: what is done meanwhile, hints, questions. */
void show_note(const char *format, ...) PRINTF_LIKE(1, 2);

/* `text` with what a terminal would obey (control characters, changes of direction) spelt \u001b, and what is not UTF-8
 * as ?. Line feeds stay if `lines`. */
void show_clean(struct buf *out, struct str text, bool lines);

/* The columns that clean text takes. */
size_t show_width(struct str text);

/* As much of it as fits in `width` columns. */
struct str show_cut(struct str text, size_t width);

/* Clean text on stdout. */
void show_print(struct str text);

/* JSON on stdout, with what a terminal would obey escaped, and a line feed. */
void show_json(struct str json);

/* The columns of the terminal that stdout is; 0: it is none. */
size_t show_columns(void);

#endif
