/* The body of a request: of the command's flags, or as it was given. */
#ifndef CLI_BODY_H
#define CLI_BODY_H

#include "base/buf.h"
#include "command.h"

#define BODY_MAX ((size_t)32 << 20)

/* Appends the bytes that `given` names: itself, @FILE, or - for standard input. False: they cannot be read, which was
 * said. */
bool body_read_bytes(struct buf *out, const char *given) MUST_CHECK;

/* Appends the JSON that `given` names: itself, @FILE, or - for standard input. False: it cannot be read, or is no JSON,
 * which was said of --`flag`. */
bool body_read(struct buf *out, const char *flag, const char *given) MUST_CHECK;

/* Appends the body that the flags of the command make: that of --data, if it has one, or an object of the FLAG_MEMBERs.
 * Nothing, where none was given. False: they do not go together, which was said. */
bool body_of_flags(struct buf *out, const struct cli *cli) MUST_CHECK;

#endif
