/* What people write into webhooks to choose and to shape events: a filter becomes a plan that is JSON, or has a fault with a
 * place; a transform that is taken makes messages that are JSON and within the services' limits. The input's first line is
 * either, the rest is data. */
#include "fuzz.h"

#include "base/json.h"
#include "core/conditions.h"
#include "core/profile.h"

static void check_filter(struct str json)
{
    struct conditions_fault fault;
    struct json_error error;
    struct buf plan;

    buf_init(&plan, CONDITIONS_PLAN_MAX);
    int count = conditions_plan(json, &plan, &fault);
    if (count < 0)
        require(fault.message != NULL);
    else
        require(count > 0 && count <= CONDITIONS_MAX &&
                json_check(buf_str(&plan), JSON_DEPTH_MAX, &error) == 0);
    conditions_fault_fini(&fault);
    buf_fini(&plan);
}

static void check_transform(const char *name, struct str json, struct str data)
{
    const struct profile *profile = profile_find(str_of(name));
    struct scratch scratch;
    struct fields f = {.alloc = scratch_allocator(&scratch)};
    struct profile_input in = {.type = STR_LIT("a"), .data = data, .attempt = 1};
    struct json_error error;
    struct buf options, body;

    buf_init(&options, PROFILE_OPTIONS_MAX);
    buf_init(&body, MESSAGE_BODY_MAX);
    buf_printf(&options, "{\"transform\":%.*s}", STR_FMT(json));
    if (profile_options_bind(&f, profile, buf_str(&options), &in.options) == 0) {
        require(profile_write_body(profile, &in, 1, &body) == 1);
        require(json_check(buf_str(&body), JSON_DEPTH_MAX, &error) == 0);
        require(body.n < (size_t)200 << 10);
    }
    buf_fini(&body);
    buf_fini(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct str rest = {text, size}, line;
    struct json_error error;

    if (str_next(&rest, '\n', &line) && line.n <= 3000 && json_check(line, 32, &error) == 0) {
        check_filter(line);
        if (json_check(rest, 32, &error) == 0 && json_kind(rest) == JSON_OBJECT) {
            check_transform("discord", line, rest);
            check_transform("slack", line, rest);
        }
    }
    free(text);
    return 0;
}
