/* SPDX-License-Identifier: BSD-3-Clause
 *
 * No memory: operations never fail for it. The n-th allocation of a context fails, for each n until all succeed, and
 * once with everything that follows; then the address space itself is full. The bits stay the same.
 */
#define _POSIX_C_SOURCE 200809L
#include "tests/operations.h"
#include "tests/suite.h"
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

enum { MOST = 1000 };

typedef struct allocator {
    pthread_mutex_t lock;
    long refused_from, refused_to; /* numbers of allocations that fail: [from, to) */
    long count;                    /* so far */
    long blocks;                   /* given out and not given back */
    size_t bytes;
    size_t largest;
} allocator;

static void *allocate(void *host, size_t bytes, size_t alignment)
{
    allocator *self = host;
    pthread_mutex_lock(&self->lock);
    const long number = self->count++;
    const bool refused = number >= self->refused_from && number < self->refused_to;
    void *memory = NULL;
    if (!refused && posix_memalign(&memory, alignment, bytes) == 0) {
        memset(memory, 0xa5, bytes);
        self->blocks++;
        self->bytes += bytes;
        if (bytes > self->largest)
            self->largest = bytes;
    }
    pthread_mutex_unlock(&self->lock);
    return memory;
}

static void release(void *host, void *pointer, size_t bytes)
{
    allocator *self = host;
    pthread_mutex_lock(&self->lock);
    self->blocks--;
    self->bytes -= bytes;
    pthread_mutex_unlock(&self->lock);
    free(pointer);
}

static gml_status create(gml_context **context, allocator *host, int32_t threads)
{
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.threads = threads;
    options.allocate = allocate;
    options.release = release;
    options.allocator_host = host;
    return gml_context_create(context, &options);
}

/* Runs operation i in a context whose allocations [from, to) fail; the number of allocations that were tried. A
 * context that could not be made is left as it was, and says so. */
static long run_with(int i, int32_t threads, long from, long to)
{
    allocator host = {.lock = PTHREAD_MUTEX_INITIALIZER, .refused_from = from, .refused_to = to};
    gml_context *const untouched = (gml_context *)&host;
    gml_context *context = untouched;
    const gml_status status = create(&context, &host, threads);
    if (status == GML_OK) {
        ck_assert_msg(operation_right(i, context), "%s: wrong when allocations from %ld to %ld fail",
                      operations[i].name, from, to);
        gml_context_destroy(context);
    } else {
        ck_assert_int_eq(status, GML_ERR_MEMORY);
        ck_assert_ptr_eq(context, untouched);
    }
    ck_assert_int_eq(host.blocks, 0);
    ck_assert_uint_eq(host.bytes, 0);
    return host.count;
}

START_TEST(each_allocation_fails)
{
    for (int32_t threads = 1; threads <= 2; threads++)
        for (int i = 0; i < OPERATIONS; i++) {
            long n = 0;
            while (n < MOST && run_with(i, threads, n, n + 1) > n)
                n++;
            ck_assert_int_lt(n, MOST);
        }
}
END_TEST

START_TEST(every_allocation_from_the_nth_fails)
{
    for (int32_t threads = 1; threads <= 2; threads++)
        for (int i = 0; i < OPERATIONS; i++) {
            long n = 0;
            while (n < MOST && run_with(i, threads, n, MOST) > n)
                n++;
            ck_assert_int_lt(n, MOST);
        }
}
END_TEST

/* Scratch memory is kept and reused: after the first call nothing is allocated. */
START_TEST(nothing_is_allocated_when_warm)
{
    allocator host = {.lock = PTHREAD_MUTEX_INITIALIZER};
    gml_context *context;
    ck_assert_int_eq(create(&context, &host, 2), GML_OK);
    for (int i = 0; i < OPERATIONS; i++) {
        ck_assert(operation_right(i, context));
        const long count = host.count;
        for (int round = 0; round < 3; round++)
            ck_assert(operation_right(i, context));
        ck_assert_msg(host.count == count || operations[i].creates, "%s: allocates %ld times when warm",
                      operations[i].name, host.count - count);
    }
    ck_assert_int_gt(gml_context_scratch(context), 0);
    gml_context_destroy(context);
    ck_assert_int_eq(host.blocks, 0);
}
END_TEST

#ifndef GML_TEST_SANITIZED /* a sanitizer needs the address space itself */
/* The C library's own allocator, with the address space cut to what is in use, so that nothing large is granted. */
START_TEST(the_address_space_is_full)
{
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.threads = 1; /* OpenMP ends the process when it cannot make a thread */
    gml_context *context;
    ck_assert_int_eq(gml_context_create(&context, &options), GML_OK);
    float *result[OPERATIONS];
    for (int i = 0; i < OPERATIONS; i++)
        ck_assert_ptr_nonnull(result[i] = malloc(operations[i].floats * sizeof **result));

    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
    const struct rlimit old = limit;
    limit.rlim_cur = 1; /* less than is in use: whatever needs a new page table entry is refused */
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    int wrong = 0;
    for (int i = 0; i < OPERATIONS; i++)
        wrong += !operation_right_in(i, context, result[i]);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &old), 0);
    ck_assert_int_eq(wrong, 0);

    for (int i = 0; i < OPERATIONS; i++)
        free(result[i]);
    gml_context_destroy(context);
}
END_TEST

#endif

/* Attention over 64 Ki keys, of many queries and of one: scratch memory does not grow with them. */
START_TEST(scratch_does_not_grow_with_the_keys)
{
    enum { KEYS = 64 << 10, QUERIES = 96, DIM = 64 };
    float *q = calloc((size_t)QUERIES * DIM, sizeof *q), *o = calloc((size_t)QUERIES * DIM, sizeof *o);
    float *kv = calloc((size_t)KEYS * DIM, sizeof *kv);
    ck_assert(q && o && kv);
    for (int round = 0; round < 8; round++) {
        const int64_t keys = round & 1 ? KEYS : KEYS / 64;
        allocator host = {.lock = PTHREAD_MUTEX_INITIALIZER};
        gml_context *context;
        ck_assert_int_eq(create(&context, &host, 1 + (round >> 2)), GML_OK);
        gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
        p.batch = p.heads = p.kv_heads = 1;
        p.q_len = round & 2 ? 1 : QUERIES;
        p.kv_len = keys;
        p.head_dim = p.v_head_dim = DIM;
        p.q = q;
        p.k = p.v = kv;
        p.o = o;
        p.q_stride[2] = p.k_stride[2] = p.v_stride[2] = p.o_stride[2] = DIM;
        ck_assert_int_eq(gml_attention_f32(context, &p), GML_OK);
        ck_assert_uint_le(host.bytes, (8u << 20) * (1 + (unsigned)(round >> 2)));
        ck_assert_uint_gt(host.bytes, 0);
        gml_context_destroy(context);
    }
    free(q);
    free(o);
    free(kv);
}
END_TEST

int main(void)
{
    operations_prepare();
    return suite_run("allocation", 300,
                     (const TTest *const[]){each_allocation_fails, every_allocation_from_the_nth_fails,
                                            nothing_is_allocated_when_warm,
#ifndef GML_TEST_SANITIZED
                                            the_address_space_is_full,
#endif
                                            scratch_does_not_grow_with_the_keys, NULL});
}
