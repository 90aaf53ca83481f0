/* Hostile objects cost what others do: keys are found again by a hash that is keyed, and array indices
 * sorted by their digits. Nobody outside can choose keys that meet. */
#include "json_members.h"

#include "base/crypto.h"

#include <stdlib.h>

enum {
    SMALL_OBJECT = 16,     /* members that need no tables */
    NO_INDEX = UINT32_MAX, /* the rank of a key that is no array index; indices end one below */
    RANK_SHIFT = 32,
    DIGIT_BITS = 8, /* that a pass sorts by */
    DIGITS = 1 << DIGIT_BITS,
};

__extension__ typedef unsigned __int128 uint128;

struct piece {
    uint32_t start, end;
};

/* An object; those inside of it come behind it, up to `next`. Without pieces it stays as it is. */
struct change {
    uint32_t begin, end;
    size_t first, count, next;
};

void members_init(struct members *ms, struct buf *out)
{
    assert(out->max <= UINT32_MAX);
    ms->out = out;
    ms->open = ms->small;
    ms->count = ms->change_count = ms->change_cap = ms->piece_count = ms->piece_cap = 0;
    ms->cap = MEMBERS_SMALL;
    ms->changes = NULL;
    ms->pieces = NULL;
}

void members_fini(struct members *ms)
{
    if (ms->open != ms->small)
        free(ms->open);
    free(ms->changes);
    free(ms->pieces);
}

/* --- members ---------------------------------------------------------------------------------- */

/* The array index that the key is, canonical decimal below 2^32 - 1, or NO_INDEX. */
static uint32_t key_rank(const char *quoted, size_t n)
{
    struct str key = {quoted + 1, n - 2};
    int64_t index;

    if (key.n == 0 || !str_is_digit(key.p[0]) || (key.p[0] == '0' && key.n > 1) ||
        !str_to_i64(key, 0, NO_INDEX - 1, &index))
        return NO_INDEX;
    return (uint32_t)index;
}

static uint64_t fold(uint64_t a, uint64_t b)
{
    uint128 product = (uint128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint32_t hash_of(const char *p, size_t n)
{
    static _Thread_local uint64_t keys[2];
    uint64_t h = n, word;

    if (keys[0] == 0)
        crypto_random(keys, sizeof keys);
    for (; n >= sizeof word; p += sizeof word, n -= sizeof word) {
        memcpy(&word, p, sizeof word);
        h = fold(h ^ keys[0], word ^ keys[1]);
    }
    word = 0;
    for (size_t i = 0; i < n; i++)
        word = word << 8 | (unsigned char)p[i];
    return (uint32_t)fold(h ^ keys[0], word ^ keys[1]);
}

size_t members_add(struct members *ms, size_t start, bool index_first)
{
    const char *key = ms->out->p + start;
    size_t n = ms->out->n - start;

    if (ms->count == ms->cap) {
        bool first = ms->open == ms->small;
        ms->cap *= 2;
        ms->open = xrealloc(first ? NULL : ms->open, ms->cap * sizeof *ms->open);
        if (first)
            memcpy(ms->open, ms->small, sizeof ms->small);
    }
    ms->open[ms->count] = (struct member){
        .start = (uint32_t)start,
        .key_n = (uint32_t)n,
        .rank = index_first ? key_rank(key, n) : NO_INDEX,
        .hash = hash_of(key, n),
    };
    return ms->count++;
}

void members_end(struct members *ms, size_t index)
{
    ms->open[index].end = (uint32_t)ms->out->n;
}

struct object members_open(struct members *ms)
{
    if (ms->change_count == ms->change_cap) {
        ms->change_cap = ms->change_cap > 0 ? 2 * ms->change_cap : 16;
        ms->changes = xrealloc(ms->changes, ms->change_cap * sizeof *ms->changes);
    }
    ms->changes[ms->change_count++] = (struct change){.begin = (uint32_t)ms->out->n};
    return (struct object){ms->count, ms->change_count - 1};
}

/* --- duplicates ------------------------------------------------------------------------------- */

static bool same_key(const struct members *ms, const struct member *a, const struct member *b)
{
    const char *text = ms->out->p;
    return a->hash == b->hash && a->key_n == b->key_n &&
           memcmp(text + a->start, text + b->start, a->key_n) == 0;
}

/* A table of places among members, each one more than it is; 0: free. */
static struct member *find_or_put(const struct members *ms, struct member *m, size_t i,
                                  uint32_t *table, size_t mask)
{
    size_t at = m[i].hash & mask;

    while (table[at] != 0 && !same_key(ms, &m[table[at] - 1], &m[i]))
        at = (at + 1) & mask;
    if (table[at] != 0)
        return &m[table[at] - 1];
    table[at] = (uint32_t)i + 1;
    return NULL;
}

static struct member *find_before(const struct members *ms, struct member *m, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (same_key(ms, &m[j], &m[i]))
            return &m[j];
    return NULL;
}

/* Leaves one member of each key, in the place of the first, with the value of the last; how many are left. */
static size_t collapse(const struct members *ms, struct member *m, size_t n)
{
    size_t room = SMALL_OBJECT, kept = 0;
    bool small = n <= SMALL_OBJECT;

    while (room < 2 * n)
        room *= 2;
    uint32_t *table = small ? NULL : xcalloc(room, sizeof *table);
    for (size_t i = 0; i < n; i++) {
        m[kept] = m[i];
        struct member *first =
            small ? find_before(ms, m, kept) : find_or_put(ms, m, kept, table, room - 1);
        if (first != NULL)
            *first = m[kept];
        else
            kept++;
    }
    free(table);
    return kept;
}

/* --- array indices ---------------------------------------------------------------------------- */

/* Those that are no indices are equal, and stay in the order that they have. */
static void sort_few(struct member *m, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct member one = m[i];
        size_t at = i;
        for (; at > 0 && m[at - 1].rank > one.rank; at--)
            m[at] = m[at - 1];
        m[at] = one;
    }
}

/* By one digit; those that have the same keep their order. False: all have the same. */
static bool sort_by_digit(const uint64_t *from, uint64_t *to, size_t n, int shift)
{
    size_t starts[DIGITS] = {0}, sum = 0;

    for (size_t i = 0; i < n; i++)
        starts[from[i] >> shift & (DIGITS - 1)]++;
    if (starts[from[0] >> shift & (DIGITS - 1)] == n)
        return false;
    for (int digit = 0; digit < DIGITS; digit++) {
        size_t count = starts[digit];
        starts[digit] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to[starts[from[i] >> shift & (DIGITS - 1)]++] = from[i];
    return true;
}

/* The same as sort_few(): ranks with their places behind them are sorted, and the members moved once. */
static void sort_many(struct member *m, size_t n)
{
    uint64_t *from = xcalloc(n, sizeof *from), *to = xcalloc(n, sizeof *to);
    struct member *sorted = xcalloc(n, sizeof *sorted);

    for (size_t i = 0; i < n; i++)
        from[i] = (uint64_t)m[i].rank << RANK_SHIFT | i;
    for (int shift = RANK_SHIFT; shift < 64; shift += DIGIT_BITS) {
        if (!sort_by_digit(from, to, n, shift))
            continue;
        uint64_t *other = to;
        to = from;
        from = other;
    }
    for (size_t i = 0; i < n; i++)
        sorted[i] = m[(uint32_t)from[i]];
    memcpy(m, sorted, n * sizeof *m);
    free(sorted);
    free(from);
    free(to);
}

/* Array indices first, ascending; false: they are so already. */
static bool put_indices_first(struct member *m, size_t n)
{
    bool ordered = true;

    for (size_t i = 1; i < n; i++)
        ordered &= m[i - 1].rank <= m[i].rank;
    if (ordered)
        return false;
    if (n <= SMALL_OBJECT)
        sort_few(m, n);
    else
        sort_many(m, n);
    return true;
}

/* --- what is left ----------------------------------------------------------------------------- */

static void keep(struct members *ms, struct change *change, const struct member *m, size_t n)
{
    if (ms->piece_count + n > ms->piece_cap) {
        ms->piece_cap = 2 * (ms->piece_count + n);
        ms->pieces = xrealloc(ms->pieces, ms->piece_cap * sizeof *ms->pieces);
    }
    change->first = ms->piece_count;
    change->count = n;
    for (size_t i = 0; i < n; i++)
        ms->pieces[ms->piece_count++] = (struct piece){m[i].start, m[i].end};
}

void members_close(struct members *ms, const struct object *object)
{
    struct change *change = &ms->changes[object->change];
    struct member *m = ms->open + object->base;
    size_t n = ms->count - object->base, left = n > 1 ? collapse(ms, m, n) : n;
    bool moved = put_indices_first(m, left);

    if (moved || left < n)
        keep(ms, change, m, left);
    ms->count = object->base;
    if (change->count == 0 && ms->change_count == object->change + 1)
        ms->change_count--; /* as it was written, and all in it */
    change->end = (uint32_t)ms->out->n;
    change->next = ms->change_count;
}

/* The first change from `i` on that begins at `offset` or behind it. */
static size_t change_from(const struct members *ms, size_t i, size_t next, uint32_t offset)
{
    while (i < next) {
        size_t middle = i + (next - i) / 2;
        if (ms->changes[middle].begin < offset)
            i = middle + 1;
        else
            next = middle;
    }
    return i;
}

/* Appends what lies between two offsets, with the changes from `i` to `next`, which lie there. */
static void add_changed(const struct members *ms, struct buf *out, struct piece all, size_t i,
                        size_t next, struct str comma)
{
    const char *text = ms->out->p;

    while (i < next) {
        const struct change *c = &ms->changes[i++];
        if (c->count == 0)
            continue;
        buf_add(out, text + all.start, c->begin - all.start);
        for (size_t k = 0; k < c->count; k++) {
            struct piece piece = ms->pieces[c->first + k];
            size_t from = change_from(ms, i, c->next, piece.start);
            if (k > 0)
                buf_add_str(out, comma);
            add_changed(ms, out, piece, from, change_from(ms, from, c->next, piece.end), comma);
        }
        all.start = c->end;
        i = c->next;
    }
    buf_add(out, text + all.start, all.end - all.start);
}

void members_arrange(struct members *ms, size_t begin, struct str comma)
{
    struct buf changed;

    if (ms->change_count == 0)
        return;
    buf_init(&changed, ms->out->n - begin);
    add_changed(ms, &changed, (struct piece){(uint32_t)begin, (uint32_t)ms->out->n}, 0,
                ms->change_count, comma);
    assert(!changed.overflow);
    ms->out->n = begin;
    buf_add_str(ms->out, buf_str(&changed));
    buf_fini(&changed);
}
