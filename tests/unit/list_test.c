/* base/list: order, unlinking in every place, moving, walking while freeing. */
#include "base/list.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

struct item {
    char name;
    struct list node;
};

static struct item items[6];
static struct list head;

static int set_up(void **state)
{
    (void)state;
    list_init(&head);
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        items[i].name = (char)('a' + i);
        list_init(&items[i].node);
    }
    return 0;
}

static void push(int count)
{
    for (int i = 0; i < count; i++)
        list_push(&head, &items[i].node);
}

/* Forwards it reads `want`, and backwards the same from its end. */
static void reads(struct list *list, const char *want)
{
    size_t i = 0, n = strlen(want);
    LIST_FOREACH(node, list)
    {
        assert_true(i < n);
        assert_int_equal(CONTAINER_OF(node, struct item, node)->name, want[i++]);
        assert_ptr_equal(node->next->prev, node);
        assert_ptr_equal(node->prev->next, node);
    }
    assert_int_equal(i, n);
    for (struct list *node = list->prev; node != list; node = node->prev)
        assert_int_equal(CONTAINER_OF(node, struct item, node)->name, want[--i]);
    assert_int_equal(list_empty(list), n == 0);
}

static void test_push_pop(void **state)
{
    (void)state;
    reads(&head, "");
    assert_null(list_pop(&head));
    push(3);
    reads(&head, "abc");
    assert_ptr_equal(list_pop(&head), &items[0].node);
    assert_true(list_empty(&items[0].node));
    reads(&head, "bc");
    list_push(&head, &items[0].node);
    reads(&head, "bca");
}

static void test_remove(void **state)
{
    (void)state;
    push(5);
    list_remove(&items[2].node);
    reads(&head, "abde");
    list_remove(&items[0].node);
    list_remove(&items[4].node);
    reads(&head, "bd");
    list_remove(&items[4].node); /* not linked */
    reads(&head, "bd");
    list_remove(&items[1].node);
    list_remove(&items[3].node);
    reads(&head, "");
}

static void test_move_all(void **state)
{
    (void)state;
    struct list other;
    list_init(&other);
    push(2);
    list_move_all(&head, &other); /* of nothing */
    reads(&head, "ab");
    list_move_all(&other, &head); /* to nothing */
    reads(&head, "");
    reads(&other, "ab");
    for (int i = 2; i < 5; i++)
        list_push(&head, &items[i].node);
    list_move_all(&head, &other);
    reads(&head, "cdeab");
    reads(&other, "");
}

static void test_walk_and_free(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        struct item *item = calloc(1, sizeof *item);
        list_push(&head, &item->node);
    }
    int seen = 0;
    LIST_FOREACH_SAFE(node, &head)
    {
        list_remove(node);
        free(CONTAINER_OF(node, struct item, node));
        seen++;
    }
    assert_int_equal(seen, 10);
    reads(&head, "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_push_pop, set_up),
        cmocka_unit_test_setup(test_remove, set_up),
        cmocka_unit_test_setup(test_move_all, set_up),
        cmocka_unit_test_setup(test_walk_and_free, set_up),
    };
    return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
