/* Templates: checked as a whole, taken apart piece by piece. */
#include "template.h"

#include "base/json.h"

#define OPEN  STR_LIT("{{")
#define CLOSE STR_LIT("}}")

static const char *const names[] = {"type", "id", "created_at"};

static const char *find(struct str text, struct str what)
{
    return text.n > 0 ? memmem(text.p, text.n, what.p, what.n) : NULL;
}

static struct str between(const char *start, const char *end)
{
    return (struct str){start, (size_t)(end - start)};
}

static bool is_name(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_text(name, names[i]))
            return true;
    return name.n > 0 && json_is_pointer(name);
}

/* Takes the reference that `*rest` begins with; what is wrong with it, or NULL. */
static const char *take_reference(struct str *rest, struct template_part *part)
{
    const char *start = rest->p + OPEN.n, *end = rest->p + rest->n;
    const char *close = find(between(start, end), CLOSE);

    if (close == NULL)
        return "{{ is not closed: }} is missing";
    struct str inner = between(start, close);
    if (find(inner, OPEN) != NULL)
        return "{{ is not closed before the next one";
    const char *bar = memchr(inner.p, '|', inner.n);
    *part = (struct template_part){.name = str_trim(between(start, bar != NULL ? bar : close))};
    if (bar != NULL)
        part->fallback = str_trim(between(bar + 1, close));
    if (!is_name(part->name))
        return "{{ must be followed by a JSON Pointer such as /user/name, or type, id or "
               "created_at";
    *rest = between(close + CLOSE.n, end);
    return NULL;
}

static const char *take(struct str *rest, struct template_part *part)
{
    if (str_starts(*rest, OPEN))
        return take_reference(rest, part);
    const char *end = rest->p + rest->n, *open = find(*rest, OPEN);
    *part = (struct template_part){.text = between(rest->p, open != NULL ? open : end)};
    const char *close = find(part->text, CLOSE);
    if (close != NULL) {
        rest->p = close;
        return "}} closes nothing: {{ is missing";
    }
    *rest = between(part->text.p + part->text.n, end);
    return NULL;
}

/* What is open at the end of `text`: the < that no > follows, or NULL. */
static const char *left_open(struct str text, const char *open)
{
    for (size_t i = 0; i < text.n; i++)
        open = text.p[i] == '<' ? text.p + i : text.p[i] == '>' ? NULL : open;
    return open;
}

static bool is_link(const char *open, const char *end)
{
    struct str text = between(open + 1, end);
    return str_starts(text, STR_LIT("https://")) || str_starts(text, STR_LIT("http://"));
}

int template_check(struct str text, bool links, struct template_fault *fault)
{
    struct template_part part;
    struct str rest = text;
    const char *open = NULL;
    int references = 0;

    while (rest.n > 0) {
        const char *at = rest.p;
        const char *message = take(&rest, &part);
        open = message == NULL ? left_open(part.text, open) : open;
        if (message == NULL && part.text.n == 0 && links && open != NULL && !is_link(open, at)) {
            rest.p = at;
            message = "{{ must not stand between < and >, but in a link that begins with "
                      "https://: its value could mention people";
        }
        if (message != NULL) {
            *fault = (struct template_fault){(size_t)(rest.p - text.p), message};
            return -1;
        }
        references += part.text.n == 0;
    }
    return references;
}

bool template_next(struct str *rest, struct template_part *part)
{
    if (rest->n == 0)
        return false;
    const char *wrong = take(rest, part);
    assert(wrong == NULL);
    return true;
}
