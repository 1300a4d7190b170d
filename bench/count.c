/* SPDX-License-Identifier: BSD-3-Clause
 *
 * gemmule_count [--list] [--filter=TEXT]: what `gemmule perf counts` runs under callgrind (docs/regression.md).
 *
 * It prints what counts depend on (compiler, flags, instruction set), the name of each case that has been counted, and a
 * last line with their number, without which the output was cut off.
 */
#include "bench/count.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__has_include)
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#define BEGIN()   CALLGRIND_ZERO_STATS
#define END(name) CALLGRIND_DUMP_STATS_AT(name)
#endif
#endif
#ifndef BEGIN
#define BEGIN()   (void)0
#define END(name) (void)(name)
#endif

#if defined(__x86_64__)
#define ISA      "avx2" /* the best that valgrind executes */
#define FEATURES (GML_CPU_AVX2 | GML_CPU_FMA)
#elif defined(__aarch64__)
#define ISA      "neon"
#define FEATURES 0
#else
#define ISA      "ref"
#define FEATURES 0
#endif

/* What CMake says of itself. */
#ifndef GML_COUNT_COMPILER
#define GML_COUNT_COMPILER "unknown 0"
#define GML_COUNT_FLAGS    "unknown"
#endif

/* The arena, and the stack too, are placed alike modulo this, which the sets of the simulated caches do not exceed. */
#define PLACE ((size_t)1 << 16)
#define ARENA ((size_t)64 << 20)

static struct {
    char *memory;
    size_t used;
    uint32_t drawn;
    const char *filter;
    bool list;
    int cases;
} count;

void count_fail(const char *name, const char *why)
{
    fprintf(stderr, "gemmule_count: %s: %s\n", name, why);
    exit(1);
}

void count_check(const char *name, gml_status status)
{
    char sentence[256];
    if (status == GML_OK)
        return;
    gml_last_error(sentence, sizeof sentence);
    count_fail(name, sentence);
}

/* The allocator of contexts: the arena grows, and shrinks where the last block is given back. */

static void *allocate(void *host, size_t bytes, size_t alignment)
{
    (void)host;
    const size_t at = (count.used + alignment - 1) / alignment * alignment;
    if (bytes > ARENA - at)
        return NULL;
    count.used = at + bytes;
    return count.memory + at;
}

static void give_back(void *host, void *pointer, size_t bytes)
{
    (void)host;
    if ((char *)pointer + bytes == count.memory + count.used)
        count.used -= bytes;
}

static void *take(size_t bytes)
{
    void *memory = allocate(NULL, bytes, GML_ALIGNMENT);
    if (!memory)
        count_fail("the arena", "is full");
    return memory;
}

/* An affine congruence (Knuth, TAOCP 2, 3.3.4, Lavaux and Janssens): its upper bits as a number. */
static float draw(void)
{
    count.drawn = count.drawn * 1664525u + 1013904223u;
    return (float)((int32_t)count.drawn >> 8) * 0x1p-23f;
}

float *count_floats(int64_t n)
{
    float *to = take((size_t)n * sizeof *to);
    for (int64_t i = 0; i < n; i++)
        to[i] = draw();
    return to;
}

double *count_doubles(int64_t n)
{
    double *to = take((size_t)n * sizeof *to);
    for (int64_t i = 0; i < n; i++)
        to[i] = (double)draw();
    return to;
}

uint8_t *count_flags(int64_t n)
{
    uint8_t *to = take((size_t)n);
    for (int64_t i = 0; i < n; i++)
        to[i] = i % 3 != 0;
    return to;
}

gml_context *count_open(void)
{
    static const gml_machine machine = {.features = FEATURES,
                                        .l1d = {(int64_t)32 << 10, 1},
                                        .l2 = {(int64_t)256 << 10, 1},
                                        .l3 = {(int64_t)4 << 20, 2},
                                        .cpus_online = 2,
                                        .cpus_allowed = 2};
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.threads = 1;
    options.isa = ISA;
    options.allocate = allocate;
    options.release = give_back;
    gml_context *context;
    count_check("the context", gml_context_create(&context, &options));
    context->machine = context->first.machine = machine;
    gml_wisdom_forget(context);
    return context;
}

void count_close(gml_context *context)
{
    gml_context_destroy(context);
    count.used = 0;
    count.drawn = 0;
}

bool count_wants(const char *name)
{
    if (count.filter && !strstr(name, count.filter))
        return false;
    count.cases++;
    if (count.list)
        puts(name);
    return !count.list;
}

void count_case(const char *name, bool warm, count_body_fn *body, void *argument)
{
    if (warm)
        body(argument);
    BEGIN();
    body(argument);
    END(name);
    printf("case %s\n", name);
    fflush(stdout);
}

/* With the stack at a place that the environment and the arguments do not move. */
static __attribute__((noinline)) void run_all(void)
{
    count_plans();
    count_calls();
}

static void run_at_place(void)
{
    const uintptr_t top = (uintptr_t)__builtin_frame_address(0);
    volatile char *gap = __builtin_alloca(top % PLACE + 1);
    *gap = 0;
    run_all();
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--list"))
            count.list = true;
        else if (!strncmp(argv[i], "--filter=", 9))
            count.filter = argv[i] + 9;
        else {
            fprintf(stderr, "usage: gemmule_count [--list] [--filter=TEXT]\n");
            return 2;
        }
    }
    clearenv(); /* GEMMULE_... and OMP_... */
    if (!gml_isa_available(ISA)) {
        fprintf(stderr,
                "gemmule_count: this build, CPU or emulator does not have the instruction set " ISA "\n");
        return 3;
    }
    char *memory = mmap(NULL, ARENA + PLACE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        count_fail("the arena", "no memory");
    count.memory = memory + (PLACE - (uintptr_t)memory % PLACE) % PLACE;
    if (!count.list)
        printf("compiler %s\nflags %s\nisa " ISA "\n", GML_COUNT_COMPILER, GML_COUNT_FLAGS);
    run_at_place();
    if (!count.list)
        printf("end %d\n", count.cases);
    return 0;
}
