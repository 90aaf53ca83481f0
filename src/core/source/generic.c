/* Plain JSON of anybody: its options say where it has what an event is made of, and what proves it. GitLab's
 * X-Gitlab-Token is signature `plain` in signature_header X-Gitlab-Token. */
#include "source_internal.h"

#include "core/filter.h"
#include "core/signature.h"

static bool verify(const struct source_request *request, const struct source_options *options,
                   struct str secret, char wrong[SOURCE_WRONG_SIZE])
{
    return source_verify_header(request, options->signature_header.p,
                                options->signature == SOURCE_HMAC_HEX ? "sha256=" : "",
                                (enum source_signature)options->signature, secret, wrong);
}

static const char *check(const struct source_options *options)
{
    return options->type.n > 0 || options->type_pointer.n > 0
               ? NULL
               : "must have `type`, which all its events then have, or `type_pointer`, which leads to "
                 "it in the body";
}

static void turn_body(struct source_turn *turn)
{
    const struct source_options *o = turn->options;
    struct str words[] = {o->type};

    if (o->type_pointer.n > 0) {
        struct str said = source_text(turn, source_at(turn->request->body, o->type_pointer));
        words[0] = said.n > 0 ? said : o->type;
    }
    source_add_one(turn, o->type_pointer.p, words, ARRAY_LEN(words));
}

static const struct field options[] = {
    {"type", FIELD_STR, SOURCE_AT(type), FIELD_NULLABLE, .min = 1, .max = EVENT_TYPE_MAX,
     .check = event_type_check},
    OPTION_POINTER("type_pointer", type_pointer),
    OPTION_POINTER("key_pointer", key_pointer),
    OPTION_HEADER("key_header", key_header),
    OPTION_POINTER("data_pointer", data_pointer),
    {"signature", FIELD_ENUM, SOURCE_AT(signature), FIELD_NULLABLE,
     .names = source_signature_names},
    OPTION_HEADER("signature_header", signature_header),
};

const struct source_kind source_generic = {
    .name = "generic",
    .prefix = "",
    .standard = {.signature_header = {"X-Webhook-Signature", 19}},
    .options = options,
    .option_count = ARRAY_LEN(options),
    .options_check = check,
    .secret_check = secret_check_printable,
    .verify = verify,
    .turn = turn_body,
};
