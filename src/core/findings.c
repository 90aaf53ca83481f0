/* Findings. */
#include "core/findings.h"

#include <stdio.h>

const char *const finding_level_names[] = {"ok", "warn", "fail", NULL};

void findings_add(struct findings *findings, enum finding_level level, struct str about,
                  const char *format, ...)
{
    va_list args;

    if (findings->count == FINDINGS_MAX)
        return;
    struct finding *finding = &findings->at[findings->count++];
    about = str_cut(about, sizeof finding->about - 1);
    *finding = (struct finding){.level = level};
    snprintf(finding->about, sizeof finding->about, "%.*s", STR_FMT(about));
    va_start(args, format);
    vsnprintf(finding->seen, sizeof finding->seen, format, args);
    va_end(args);
}

void findings_advise(struct findings *findings, const char *format, ...)
{
    va_list args;

    assert(findings->count > 0);
    struct finding *finding = &findings->at[findings->count - 1];
    va_start(args, format);
    vsnprintf(finding->advice, sizeof finding->advice, format, args);
    va_end(args);
}

enum finding_level findings_worst(const struct findings *findings)
{
    enum finding_level worst = FINDING_OK;

    for (size_t i = 0; i < findings->count; i++)
        if (findings->at[i].level > worst)
            worst = findings->at[i].level;
    return worst;
}
