/* core/verify: whatever head and body come, there is something to say, in bounds, and none of it has the secret. */
#include "fuzz.h"

#include "core/verify.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

/* The head ends with an empty line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct findings findings;
    char *text = fuzz_text(data, size);
    const char *end = size > 1 ? memmem(text, size, "\n\n", 2) : NULL;
    size_t head = end != NULL ? (size_t)(end + 2 - text) : size;

    findings.count = 0;
    verify_run(&(struct verify){.head = {text, head},
                                .body = {text + head, size - head},
                                .secret = STR_LIT(SECRET),
                                .computed = {text, size < 100 ? size : 100},
                                .now_ms = 1614265330000},
               &findings);
    require(findings.count > 0 && findings.count <= FINDINGS_MAX);
    for (size_t i = 0; i < findings.count; i++)
        require(strstr(findings.at[i].seen, "MfKQ9r8G") == NULL ||
                memmem(text, size, "MfKQ9r8G", 8) != NULL);
    free(text);
    return 0;
}
