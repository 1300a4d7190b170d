/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Scratch memory: sizes, reuse, refusals, and eight threads at once.
 */
#include "kernels/kernel.h"
#include "src/core/runtime.h"
#include "tests/suite.h"
#include <pthread.h>
#include <sched.h>
#include <string.h>

enum { THREADS = 8 };

static struct {
    _Atomic int64_t bytes;
    atomic_int blocks, allocations;
    bool refuse, misalign;
} host;

static void *host_allocate(void *unused, size_t bytes, size_t alignment)
{
    (void)unused;
    if (host.refuse)
        return NULL;
    atomic_fetch_add(&host.bytes, (int64_t)bytes);
    atomic_fetch_add(&host.blocks, 1);
    atomic_fetch_add(&host.allocations, 1);
    char *data = aligned_alloc(alignment, (bytes + 2 * alignment - 1) / alignment * alignment);
    return data ? data + host.misalign : NULL;
}

static void host_release(void *unused, void *pointer, size_t bytes)
{
    (void)unused;
    atomic_fetch_sub(&host.bytes, (int64_t)bytes);
    atomic_fetch_sub(&host.blocks, 1);
    free((char *)pointer - host.misalign);
}

static void make_runtime(gml_runtime *runtime)
{
    memset(&host, 0, sizeof host);
    memset(runtime, 0, sizeof *runtime);
    runtime->allocate = host_allocate;
    runtime->release = host_release;
}

static int64_t idle(gml_runtime *runtime)
{
    return atomic_load(&runtime->idle_bytes);
}

START_TEST(blocks_are_large_and_aligned)
{
    gml_runtime runtime;
    make_runtime(&runtime);
    const size_t sizes[] = {0,
                            1,
                            63,
                            64,
                            5119,
                            5120,
                            5121,
                            65536,
                            1000003,
                            ((size_t)2 << 20) - 1,
                            (size_t)2 << 20,
                            ((size_t)5 << 20) + 1,
                            GML_SCRATCH_KEEP,
                            GML_SCRATCH_KEEP + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        gml_scratch scratch = gml_scratch_take(&runtime, sizes[i]);
        ck_assert_ptr_nonnull(scratch.data);
        ck_assert_uint_ge(scratch.bytes, sizes[i]);
        ck_assert_uint_le(scratch.bytes,
                          sizes[i] < 4096 ? 5120 : sizes[i] + sizes[i] / 4); /* steps of a quarter */
        ck_assert_uint_eq((uintptr_t)scratch.data % GML_ALIGNMENT, 0);
        ck_assert_int_eq(idle(&runtime), 0);
        ((char *)scratch.data)[0] = ((char *)scratch.data)[scratch.bytes - 1] = 1;
        gml_scratch_give(&runtime, scratch);
        ck_assert_int_eq(idle(&runtime), sizes[i] > GML_SCRATCH_KEEP ? 0 : (int64_t)scratch.bytes);
        gml_scratch_clear(&runtime);
        ck_assert_int_eq(idle(&runtime), 0);
        ck_assert_int_eq(host.bytes, 0);
    }
    ck_assert_int_eq(host.blocks, 0);
}
END_TEST

START_TEST(blocks_are_reused)
{
    gml_runtime runtime;
    make_runtime(&runtime);
    gml_scratch small = gml_scratch_take(&runtime, 10000), large = gml_scratch_take(&runtime, 1000000);
    gml_scratch_give(&runtime, large);
    gml_scratch_give(&runtime, small);
    ck_assert_int_eq(idle(&runtime), (int64_t)(small.bytes + large.bytes));
    gml_scratch again = gml_scratch_take(&runtime, 9999);
    ck_assert_ptr_eq(again.data, small.data); /* the smallest that will do */
    ck_assert_uint_eq(again.bytes, small.bytes);
    gml_scratch other = gml_scratch_take(&runtime, 9999);
    ck_assert_ptr_eq(other.data, large.data); /* rather too large than new */
    ck_assert_int_eq(host.allocations, 2);
    gml_scratch_give(&runtime, again);
    gml_scratch_give(&runtime, other);

    again = gml_scratch_take(&runtime, 2000000); /* larger than both: one of them goes */
    ck_assert_int_eq(host.allocations, 3);
    ck_assert_int_eq(host.blocks, 2);
    gml_scratch_give(&runtime, again);
    gml_scratch_clear(&runtime);
    ck_assert_int_eq(host.bytes, 0);
}
END_TEST

START_TEST(more_blocks_than_slots)
{
    enum { MANY = GML_SCRATCH_SLOTS + 10 };
    gml_runtime runtime;
    make_runtime(&runtime);
    gml_scratch blocks[MANY];
    for (int i = 0; i < MANY; i++)
        blocks[i] = gml_scratch_take(&runtime, 5000);
    ck_assert_int_eq(host.blocks, MANY);
    for (int i = 0; i < MANY; i++)
        gml_scratch_give(&runtime, blocks[i]);
    ck_assert_int_eq(host.blocks, GML_SCRATCH_SLOTS);
    ck_assert_int_eq(idle(&runtime), host.bytes);
    gml_scratch_clear(&runtime);
    ck_assert_int_eq(host.bytes, 0);
}
END_TEST

START_TEST(memory_that_cannot_be_had)
{
    gml_runtime runtime;
    make_runtime(&runtime);
    const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 64, PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ck_assert_ptr_null(gml_scratch_take(&runtime, sizes[i]).data);
        ck_assert_ptr_null(gml_default_allocate(NULL, sizes[i], GML_ALIGNMENT));
    }
    host.refuse = true;
    gml_scratch scratch = gml_scratch_take(&runtime, 100);
    ck_assert_ptr_null(scratch.data);
    ck_assert_uint_eq(scratch.bytes, 0);
    gml_scratch_give(&runtime, scratch); /* nothing to give */
    ck_assert_int_eq(idle(&runtime), 0);

    host.refuse = false, host.misalign = true;
    ck_assert_ptr_null(gml_scratch_take(&runtime, 100).data);
    ck_assert_int_eq(host.allocations, 1);
    ck_assert_int_eq(host.bytes, 0); /* given back */
}
END_TEST

START_TEST(the_default_allocator)
{
    const size_t sizes[] = {1, 64, 100, ((size_t)2 << 20) - 1, (size_t)2 << 20, ((size_t)5 << 20) + 3};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t alignment = 64; alignment <= 4096; alignment *= 8) {
            char *data = gml_default_allocate(NULL, sizes[i], alignment);
            ck_assert_ptr_nonnull(data);
            ck_assert_uint_eq((uintptr_t)data % alignment, 0);
            memset(data, 0x5a, sizes[i]);
            gml_default_release(NULL, data, sizes[i]);
        }
}
END_TEST

/* Nobody else writes into a block between take and give. */
static void *use_blocks(void *argument)
{
    gml_runtime *runtime = argument;
    static atomic_uint next;
    unsigned seed = atomic_fetch_add(&next, 1);
    const unsigned char mine = (unsigned char)(seed + 1);
    for (int i = 0; i < 5000; i++) {
        seed = seed * 1664525 + 1013904223;
        const size_t bytes = (size_t)1 << (seed >> 28);
        gml_scratch scratch = gml_scratch_take(runtime, bytes);
        memset(scratch.data, mine, bytes);
        if (i % 8 == 0)
            sched_yield();
        for (size_t b = 0; b < bytes; b++)
            if (((unsigned char *)scratch.data)[b] != mine)
                return scratch.data;
        gml_scratch_give(runtime, scratch);
    }
    return NULL;
}

START_TEST(eight_threads_share_the_pool)
{
    gml_runtime runtime;
    make_runtime(&runtime);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_blocks, &runtime), 0);
    for (int i = 0; i < THREADS; i++) {
        void *broken;
        ck_assert_int_eq(pthread_join(threads[i], &broken), 0);
        ck_assert_msg(broken == NULL, "two threads had one block");
    }
    ck_assert_int_eq(idle(&runtime), host.bytes);
    ck_assert_int_le(host.blocks, GML_SCRATCH_SLOTS);
    gml_scratch_clear(&runtime);
    ck_assert_int_eq(idle(&runtime), 0);
    ck_assert_int_eq(host.bytes, 0);
    ck_assert_int_eq(host.blocks, 0);
}
END_TEST

int main(void)
{
    /* clang-format off */
    return suite_run("memory", 60, (const TTest *const[]){
        blocks_are_large_and_aligned,
        blocks_are_reused,
        more_blocks_than_slots,
        memory_that_cannot_be_had,
        the_default_allocator,
        eight_threads_share_the_pool,
        NULL,
    });
    /* clang-format on */
}
