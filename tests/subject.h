/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the tests of subjects share: a machine with small caches, so that copies are few, an allocator that counts,
 * keys, and all layouts.
 */
#ifndef GML_TESTS_SUBJECT_H
#define GML_TESTS_SUBJECT_H

#include "src/core/cpu.h"
#include "src/core/select.h"
#include "tests/suite.h"
#include "tune/subject_parts.h"

static const gml_machine machine = {
    .l1d = {32 << 10, 1}, .l2 = {256 << 10, 1}, .l3 = {1 << 20, 2}, .cpus_online = 2, .cpus_allowed = 2};
static int64_t held, most_held, left; /* bytes; calls until memory runs out, < 0: never */

static void *allocate(void *host, size_t bytes, size_t alignment)
{
    if (left == 0)
        return NULL;
    left -= left > 0;
    held += (int64_t)bytes;
    most_held = held > most_held ? held : most_held;
    return gml_default_allocate(host, bytes, alignment);
}

static void release(void *host, void *pointer, size_t bytes)
{
    held -= (int64_t)bytes;
    gml_default_release(host, pointer, bytes);
}

#define ROOM ((size_t)1 << 30) /* enough for any subject here */

static gml_runtime runtime;
static const tune_machine on = {&machine, &runtime};

static void use(const gml_kernel_set *set)
{
    gml_scratch_clear(&runtime);
    held = most_held = 0;
    left = -1;
    runtime.set = set;
    runtime.threads = 2;
    runtime.threads_asked = true;
    runtime.allocate = allocate;
    runtime.release = release;
}

static const gml_kernel_set *best(void)
{
    return gml_set_select(gml_cpu_features(), NULL);
}

/* Keys. */

static gml_key gemm_key(unsigned layout, int64_t m, int64_t n, int64_t k, int64_t batch, int32_t threads)
{
    return (gml_key){.operation = GML_OPERATION_GEMM,
                     .type = GML_F32,
                     .layout = (uint16_t)layout,
                     .threads = threads,
                     .size = {m, n, k, batch}};
}

static gml_key softmax_key(unsigned layout, int64_t rows, int64_t cols, int32_t threads)
{
    return (gml_key){.operation = GML_OPERATION_SOFTMAX,
                     .type = GML_F32,
                     .layout = (uint16_t)layout,
                     .threads = threads,
                     .size = {rows, cols}};
}

static gml_key attention_key(unsigned layout, int64_t sequences, int64_t group, int64_t q_len, int64_t kv_len,
                             int64_t dim, int32_t threads)
{
    return (gml_key){.operation = GML_OPERATION_ATTENTION,
                     .type = GML_F32,
                     .layout = (uint16_t)layout,
                     .threads = threads,
                     .size = {sequences, group, q_len, kv_len, dim, dim + 1}};
}

static const char *text_of(const gml_key *key)
{
    static char text[GML_KEY_TEXT];
    gml_key_write(key, text, sizeof text);
    return text;
}

/* Every combination of layouts that keys have, by calls of `visit`. */
static void each_gemm_layout(void (*visit)(unsigned layout))
{
    static const unsigned of_a[] = {0, GML_LAYOUT_A_COLUMNS, GML_LAYOUT_A_STRIDED, GML_LAYOUT_PACKED_A};
    static const unsigned of_b[] = {0, GML_LAYOUT_B_COLUMNS, GML_LAYOUT_B_STRIDED, GML_LAYOUT_PACKED_B};
    static const unsigned of_c[] = {0, GML_LAYOUT_READS_C, GML_LAYOUT_C_STRIDED,
                                    GML_LAYOUT_READS_C | GML_LAYOUT_C_STRIDED};
    for (int i = 0; i < 64; i++)
        visit(of_a[i % 4] | of_b[i / 4 % 4] | of_c[i / 16]);
}

/* TOKENS tells nothing of a K that is transposed. */
static void each_attention_layout(void (*visit)(unsigned layout))
{
    for (unsigned layout = 0; layout < 2 * GML_LAYOUT_WEIGHTS; layout++)
        if ((layout & (GML_LAYOUT_TOKENS | GML_LAYOUT_K_COLUMNS)) !=
            (GML_LAYOUT_TOKENS | GML_LAYOUT_K_COLUMNS))
            visit(layout);
}

#endif
