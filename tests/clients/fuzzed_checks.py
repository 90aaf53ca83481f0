"""What Schemathesis loads beside its own checks."""

import re

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

APP = "#/components/parameters/AppParameter"

# Fields, and what may be said of them though they fit the contract's schemas.
BEYOND_SCHEMAS = [
    # What there is, what was before, and what time it is.
    ("cursor", "must be the next_cursor of another page of this list"),
    (r"\w+_id", "must be the id (or the uid )?of an? .* that exists"),
    ("expires_at", "must be in the future"),
    (r"(events\[\d+\]\.)?(since|until|deliver_at|expires_at)", "must (lie within|last less than) the .* days that history is kept.*"),
    ("secret", "is not the webhook's secret|is changed by POST .*"),
    (r"[\w.]+", "must be given (anew|with a URL of another|with this change).*"),
    ("secret_type", "is for a secret that is made here: .*|may be ed25519 only with the profile standard-webhooks"),
    # Text in PostgreSQL has none, and a pattern that says so breaks clients in several languages.
    (r"[\w.\[\]]+", r"must not contain a NUL character \(U\+0000\)"),
    # Another member, first of all the profile.
    (r"(events\[\d+\]\.)?expires_at", "must be later than deliver_at"),
    ("app_id", "must be left out: an admin key belongs to no app"),
    (r"profile_options\.\w+", "is not a known field: check its spelling"),
    (r"[\w.]+", ".* in this profile|works only with the envelope `array`.*|cannot be webhook while the profile gathers.*|may not use {.*"),
    (r"[\w.]+", "is (not for|required with) this type|is required with client_.*|is for URLs that begin with https://"),
    (r"[\w.]+", "(is|has) \\*\\*\\*, which stands for what is not shown: give it whole"),
    # Sources: what their kind takes, and what it sends.
    (r"options(\.\w+)?|secret", "is not a known field: .*|must have `type`, .*|must be whsec_ and .*|must be empty, or a JSON Pointer .*"),
    (r"options\.\w+", ".*"),
    (r"[\w.\[\]/~-]*", "does not say of which type .*|is no JSON object, as .*|has more than 1000 events|is not what X-.* says"),
    # Conditions, which no schema that generators understand can say.
    (r"/?filter\b.*", ".*"),
    # What only a parser knows.
    (r"brand\.logo_url|origins(\[\d+\])?", "must be (the https URL of a picture|an origin).*"),
    (r"url|auth\.token_url", "has an? .*|is not a valid URL|must (name|not have|not contain) .*|names an address .*"),
    (r"tls\.\w+", ".*(PEM|certificate|private key|too weak|encrypted|control characters).*"),
    (r"secret|auth\.\w+", "must have base64 of .*"),
    ("schema", ".*"),
    # What is listened to.
    ("status", "(must be|may be) listening .*"),
    ("url", "cannot change between listen: .*"),
    ("auth|tls", "is for webhooks that have the URL of a receiver"),
    ("response_code", "must be given, or .*"),
    ("sent_at", "must be that of the event of the stream, .*"),
    ("response_(headers|body)", "is not base64"),
    (r"allowed_networks\[\d+\]", "must be a network such as .*"),
]


def is_beyond_schemas(error):
    return any(re.fullmatch(f, error["field"]) and re.fullmatch(m, error["message"]) for f, m in BEYOND_SCHEMAS)


def is_excused(response):
    if response.status_code != 422:
        return False
    errors = response.json().get("errors")
    return bool(errors) and all(map(is_beyond_schemas, errors))


@schemathesis.check
def accepts_what_the_contract_allows(ctx, response, case):
    return None if is_excused(response) else positive_data_acceptance(ctx, response, case)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Everything is about the app `default`, which cannot be deleted: X-App-Id is taken for a resource that nobody makes, and no chain
    begins."""
    for path in raw_schema["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict) and "parameters" in operation:
                operation["parameters"] = [p for p in operation["parameters"] if p.get("$ref") != APP]
