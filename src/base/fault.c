/* A list of faults with a ceiling. */
#include "base/fault.h"

#include <stdarg.h>

void faults_add(struct faults *faults, struct str name, const char *format, ...)
{
    va_list args;

    if (faults->count == FAULTS_MAX) {
        faults->dropped++;
        return;
    }
    struct fault *fault = &faults->at[faults->count++];
    fault->name = name;
    va_start(args, format);
    vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
}

bool faults_name(const struct faults *faults, const char *name)
{
    for (size_t i = 0; i < faults->count; i++)
        if (str_eq_text(faults->at[i].name, name))
            return true;
    return false;
}

void faults_print(const struct faults *faults, FILE *out)
{
    for (size_t i = 0; i < faults->count; i++)
        fprintf(out, "posthorn: %.*s: %s\n", STR_FMT(faults->at[i].name), faults->at[i].text);
    if (faults->dropped > 0)
        fprintf(out, "posthorn: and %zu more\n", faults->dropped);
}
