/* Portals. An origin is taken in one form only, of bytes that mean nothing else in the header in which it will stand. */
#include "core/portal.h"

#include "core/key.h"

#define ORIGIN_RULE                                                                            \
    "must be an origin in small letters such as https://app.example.com or, for localhost or " \
    "127.0.0.1, http://localhost:3000"
#define LOGO_RULE  "must be the https URL of a picture, such as https://app.example.com/logo.svg"
#define COLOR_RULE "must be a colour such as #7a5a00"

const char *const portal_scope_names[] = {"read", "manage", NULL};

int portal_scope(int name)
{
    return name == 0 ? SCOPE_READ : SCOPE_WRITE;
}

const char *portal_scope_name(int scope)
{
    return portal_scope_names[scope >= SCOPE_WRITE];
}

static bool take(struct str *text, const char *what)
{
    struct str head = str_of(what);

    if (text->n < head.n || memcmp(text->p, head.p, head.n) != 0)
        return false;
    text->p += head.n;
    text->n -= head.n;
    return true;
}

static size_t run_of(struct str text, bool (*fits)(char c))
{
    size_t n = 0;
    while (n < text.n && fits(text.p[n]))
        n++;
    return n;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_host_byte(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Labels of a name: none is empty, or begins or ends with '-'. */
static bool is_host(struct str host)
{
    for (size_t i = 0; i < host.n; i++) {
        bool first = i == 0 || host.p[i - 1] == '.';
        bool last = i + 1 == host.n || host.p[i + 1] == '.';
        if (host.p[i] == '.' ? first : (first || last) && host.p[i] == '-')
            return false;
    }
    return host.n > 0 && host.p[host.n - 1] != '.';
}

static bool is_port(struct str port)
{
    int64_t n;
    return port.n > 0 && port.p[0] != '0' && str_to_i64(port, 1, 65535, &n);
}

/* The origin that the text begins with; n == 0: with none. */
struct str portal_origin_of(struct str url)
{
    struct str rest = url;
    bool plain = take(&rest, "http://");

    if (!plain && !take(&rest, "https://"))
        return STR_NONE;
    struct str host = {rest.p, run_of(rest, is_host_byte)};
    rest.p += host.n;
    rest.n -= host.n;
    bool local = str_eq_text(host, "localhost") || str_eq_text(host, "127.0.0.1");
    if (!is_host(host) || (plain && !local))
        return STR_NONE;
    if (take(&rest, ":")) {
        struct str port = {rest.p, run_of(rest, is_digit)};
        if (!is_port(port))
            return STR_NONE;
        rest.p += port.n;
        rest.n -= port.n;
    }
    return (struct str){url.p, url.n - rest.n};
}

const char *portal_check_origin(struct str origin)
{
    struct str found = portal_origin_of(origin);
    return found.n > 0 && found.n == origin.n ? NULL : ORIGIN_RULE;
}

/* No byte of it is one that a URL must escape. */
static const char *check_logo(struct str url)
{
    struct str origin = portal_origin_of(url);

    if (origin.n == 0 || origin.n == url.n || url.p[origin.n] != '/')
        return LOGO_RULE;
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] > '~' || strchr("\"<>\\^`{|}", url.p[i]) != NULL)
            return LOGO_RULE;
    return NULL;
}

static const char *check_color(struct str color)
{
    struct str digits = color;
    return take(&digits, "#") && digits.n == 6 && run_of(digits, is_hex) == 6 ? NULL : COLOR_RULE;
}

#define AT(member) offsetof(struct portal_brand, member)

static const struct field fields[] = {
    {"name", FIELD_STR, AT(name), FIELD_NULLABLE, .min = 1, .max = PORTAL_NAME_MAX},
    {"logo_url", FIELD_STR, AT(logo), FIELD_NULLABLE, .min = 1, .max = PORTAL_LOGO_MAX,
     .check = check_logo},
    {"color", FIELD_STR, AT(color), FIELD_NULLABLE, .min = 7, .max = 7, .check = check_color},
    {"color_dark", FIELD_STR, AT(color_dark), FIELD_NULLABLE, .min = 7, .max = 7,
     .check = check_color},
};

void portal_bind(struct fields *f, struct str json, struct portal_brand *brand)
{
    uint32_t present;
    int err = fields_bind_member(f, fields, ARRAY_LEN(fields), json, "brand.", brand, &present);
    (void)err; /* the problems are in `f` */
}

void portal_write(struct jsonw *w, const struct portal_brand *brand)
{
    jsonw_begin(w, NULL, '{');
    jsonw_str_or_null(w, "name", brand->name);
    jsonw_str_or_null(w, "logo_url", brand->logo);
    jsonw_str_or_null(w, "color", brand->color);
    jsonw_str_or_null(w, "color_dark", brand->color_dark);
    jsonw_end(w, '}');
}
