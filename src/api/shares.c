/* A sum, and what it is made of. */
#include "shares.h"

void shares_fini(struct shares *shares)
{
    idmap_fini(&shares->owners);
}

int64_t shares_of(const struct shares *shares, struct id owner)
{
    return (int64_t)(intptr_t)idmap_get(&shares->owners, owner);
}

/* `n` more, or less. */
static void add(struct shares *shares, struct id owner, int64_t n)
{
    shares->taken += n;
    if (!id_eq(owner, NOBODY))
        idmap_set(&shares->owners, owner, (void *)(intptr_t)(shares_of(shares, owner) + n));
}

bool shares_take(struct shares *shares, struct id owner, int64_t n, int64_t max)
{
    int64_t share = shares_of(shares, owner), left = max - shares->taken - n;

    if (left < 0 || (share > 0 && share + n > 3 * left))
        return false;
    add(shares, owner, n);
    return true;
}

void shares_give_back(struct shares *shares, struct id owner, int64_t n)
{
    assert(n <= shares->taken);
    if (n > 0)
        add(shares, owner, -n);
}
