/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Each operation has tables of sizes, and each row of them a few variants; storage orders, factors, masks and
 * classes of values go round with the number of the case. Sizes surround the constants of the contract and
 * the tiles of today's kernels, but depend on neither.
 */
#include "proof/cases.h"
#include "proof/cases_attention.h"
#include <gemmule/softmax.h>
#include <gemmule/types.h>
#include <math.h>

#define COUNT(table) ((int32_t)(sizeof table / sizeof *table))

static const int16_t gemm_sizes[][3] = {
    {1, 1, 1},      {1, 1, 513},     {1, 17, 33},    {17, 1, 33},   {2, 3, 4},     {5, 7, 3},
    {6, 16, 64},    {7, 17, 65},     {8, 48, 128},   {9, 49, 127},  {12, 32, 100}, {13, 33, 511},
    {14, 32, 512},  {15, 31, 513},   {16, 64, 16},   {17, 65, 31},  {24, 24, 24},  {31, 29, 37},
    {33, 47, 1024}, {48, 8, 96},     {49, 9, 1025},  {64, 64, 64},  {65, 63, 62},  {3, 200, 40},
    {200, 3, 40},   {97, 101, 103},  {1, 256, 600},  {256, 1, 600}, {4, 4, 2000},  {50, 70, 520},
    {70, 50, 1030}, {128, 128, 128}, {0, 5, 5},      {5, 0, 5},     {5, 5, 0},     {100, 110, 600},
    {61, 67, 1541}, {150, 20, 300},  {20, 300, 150}, {1, 1, 5000},
};

/* m, n, k, batch: what the paths of the executor are made for. */
static const int16_t gemm_shapes[][4] = {
    /* few rows */
    {1, 1000, 300, 1},
    {2, 777, 513, 1},
    {3, 64, 2000, 1},
    {4, 2048, 64, 1},
    {8, 515, 130, 1},
    {12, 200, 600, 1},
    /* few columns */
    {1000, 1, 300, 1},
    {900, 3, 130, 1},
    {515, 7, 200, 1},
    /* a small C and a long k */
    {16, 16, 9000, 1},
    {5, 7, 12345, 1},
    {1, 1, 20000, 1},
    {33, 30, 2100, 1},
    /* small ranks */
    {300, 200, 1, 1},
    {257, 130, 4, 1},
    {130, 300, 16, 1},
    /* tiny */
    {1, 2, 1, 1},
    {2, 2, 2, 1},
    {3, 3, 3, 1},
    {4, 4, 4, 1},
    {5, 5, 5, 1},
    {6, 6, 6, 1},
    {7, 7, 7, 1},
    {8, 8, 8, 1},
    {13, 13, 13, 1},
    {23, 23, 23, 1},
    {5, 13, 23, 1},
    /* batches */
    {5, 13, 23, 7},
    {8, 8, 8, 12},
    {32, 32, 64, 3},
    {1, 64, 64, 5},
    {64, 1, 32, 4},
    {16, 128, 100, 2},
    {13, 17, 530, 6},
    {3, 3, 3, 0},
    {0, 3, 3, 2},
    {9, 33, 0, 3},
    /* the middle */
    {64, 64, 64, 1},
    {96, 128, 40, 1},
    {61, 67, 600, 1},
};

static const int16_t softmax_cols[] = {1,   2,   3,    5,    8,    15,   16,   17,   31,
                                       33,  64,  65,   100,  127,  128,  129,  255,  257,
                                       500, 777, 1000, 4095, 4096, 4097, 8192, 8193, 10000};

/* The lists, one after the other. */
enum { GEMM_F32, SOFTMAX, ATTENTION, MERGE, GEMM_F64, GEMM_SHAPES, LISTS };

static const struct {
    int32_t rows, variants;
} lists[LISTS] = {
    [GEMM_F32] = {COUNT(gemm_sizes), 4},      [SOFTMAX] = {COUNT(softmax_cols), 4},
    [ATTENTION] = {PROOF_ATTENTION_CASES, 1}, [MERGE] = {PROOF_MERGE_CASES, 1},
    [GEMM_F64] = {COUNT(gemm_sizes), 2},      [GEMM_SHAPES] = {COUNT(gemm_shapes), 4},
};

int32_t proof_case_count(void)
{
    int32_t count = 0;
    for (int list = 0; list < LISTS; list++)
        count += lists[list].rows * lists[list].variants;
    return count;
}

static proof_gemm gemm_case(int32_t number, const int16_t *size, gml_type type, bool a_by_column,
                            bool b_by_column)
{
    static const float factor[][2] = {{1, 0},    {1, 1},  {-0.75f, 0.5f}, {1, -0.0f},
                                      {2.5f, 1}, {1, -1}, {0, 0.5f}};
    static const int64_t gap[] = {0, 1, 17, 0, 64};
    proof_gemm g = {.type = type, .m = size[0], .n = size[1], .k = size[2], .batch = 1};
    g.alpha = (double)factor[number % COUNT(factor)][0];
    g.beta = (double)factor[number % COUNT(factor)][1];
    g.a = (proof_layout){.by_column = a_by_column, .inner = number % 13 ? 1 : 2, .gap = gap[number % 5]};
    g.b =
        (proof_layout){.by_column = b_by_column, .inner = number % 11 ? 1 : 3, .gap = gap[(number + 1) % 5]};
    g.c = (proof_layout){
        .by_column = number % 3 == 0, .inner = number % 7 ? 1 : 2, .gap = gap[(number + 2) % 5]};
    g.values = proof_values_of_case(number);
    g.seed = (uint64_t)number;
    return g;
}

/* Both types of each shape, in every form of the call. */
static proof_gemm shape_case(int32_t number, int32_t row, int32_t variant)
{
    const bool f64 = variant & 1, swapped = variant & 2;
    proof_gemm g = gemm_case(number, gemm_shapes[row], f64 ? GML_F64 : GML_F32, (row + swapped) % 2, swapped);
    if (f64 && number % 3 == 0)
        g.alpha = 1 / 3.0, g.beta = -1 / 7.0;
    g.batch = gemm_shapes[row][3];
    g.batching = (proof_batching)(number % PROOF_BATCHINGS);
    g.shared_a = g.batch > 1 && number % 7 == 1;
    g.shared_b = g.batch > 1 && number % 5 == 1;
    if (g.m > 0 && g.k > 0 && g.batch > 0) {
        g.packed_a = number % 9 == 2;
        g.packed_b = number % 8 == 3;
    }
    if (row % 4 != 3) {
        g.bias_m = number % 4 == 1;
        g.bias_n = number % 3 == 1;
        g.activation = number % (f64 ? GML_ACTIVATION_RELU + 1 : GML_ACTIVATION_SILU + 1);
    }
    g.a.power = number % 6 == 0;
    g.b.power = number % 6 <= 1;
    g.c.power = number % 6 == 0;
    g.call = (proof_call)(number % PROOF_CALLS);
    g.threads = number % 5 == 4 ? 1 + number % 3 : 0;
    return g;
}

static proof_softmax softmax_case(int32_t number, int32_t row, int32_t variant)
{
    static const float scale[] = {0, 0.125f, -1.5f, 1}, softcap[] = {0, 0, 30, 0, 0.5f, 0, 0};
    static const proof_axis axis[] = {PROOF_BY_ROWS, PROOF_BY_COLUMNS, PROOF_BY_ROWS,    PROOF_SPACED,
                                      PROOF_BY_ROWS, PROOF_BY_ROWS,    PROOF_BY_MATRICES};
    proof_softmax s = {
        .batch = 1, .rows = 1 + number % 9, .cols = softmax_cols[row], .masked = 1 + number % 6};
    if (number % 5 >= 3)
        s.batch = number % 7;
    s.gap = number % 2 ? number % 20 : 0;
    s.x_axis = axis[number % COUNT(axis)];
    s.y_axis = number % 5 ? s.x_axis : axis[number / 5 % COUNT(axis)];
    s.in_place = number % 3 == 0;
    s.lse = number % 9 < 5;
    s.log = number % 11 < 4;
    s.alibi = number % 13 < 4;
    s.sinks = number % 17 < 5;
    s.bias = variant & 1;
    s.keep = variant & 2;
    s.bias_broadcast = s.bias && number % 5 == 0;
    s.keep_broadcast = s.keep && number % 7 == 0;
    s.bias_shared = s.bias && number % 6 >= 4;
    s.keep_shared = s.keep && number % 9 >= 6;
    s.scale = scale[number / 3 % COUNT(scale)];
    s.softcap = softcap[number % COUNT(softcap)];
    s.causal = row % 2 ? (row / 2 + variant) % 4 : GML_CAUSAL_NONE;
    s.causal_offset = s.causal == GML_CAUSAL_OFFSET ? number % 7 - 3 : 0;
    s.values = proof_values_of_case(number);
    s.seed = (uint64_t)number;
    return s;
}

static void one_case(proof_session *session, const proof_subject *subject, int32_t number, proof_sha256 *sha)
{
    const unsigned char little[4] = {(unsigned char)number, (unsigned char)(number >> 8), 0, 0};
    int32_t list = 0, index = number - 1;
    proof_gemm g;
    proof_softmax s;
    proof_attention a;
    proof_merge m;
    while (index >= lists[list].rows * lists[list].variants)
        index -= lists[list].rows * lists[list].variants, list++;
    const int32_t row = index / lists[list].variants, variant = index % lists[list].variants;
    proof_sha256_add(sha, little, sizeof little);
    switch (list) {
    case SOFTMAX:
        s = softmax_case(number, row, variant);
        proof_softmax_case(session, subject, &s, sha);
        return;
    case ATTENTION:
        a = proof_attention_numbered(index, number);
        proof_attention_case(session, subject, &a, sha);
        return;
    case MERGE:
        m = proof_merge_numbered(index, number);
        proof_merge_case(session, subject, &m, sha);
        return;
    case GEMM_F64:
        g = gemm_case(number, gemm_sizes[row], GML_F64, (row + variant) % 2, variant);
        break;
    case GEMM_SHAPES:
        g = shape_case(number, row, variant);
        break;
    default:
        g = gemm_case(number, gemm_sizes[row], GML_F32, variant & 1, variant & 2);
    }
    proof_gemm_case(session, subject, &g, sha);
}

void proof_fixed_cases(proof_session *session, const proof_subject *subject, char hex[65])
{
    char whole[sizeof session->subject];
    proof_sha256 sha;
    snprintf(whole, sizeof whole, "%.60s", session->subject);
    proof_sha256_begin(&sha);
    for (int32_t number = 1; number <= proof_case_count(); number++) {
        snprintf(session->subject, sizeof session->subject, "%.60s, case %d", whole, (int)number);
        one_case(session, subject, number, &sha);
    }
    proof_sha256_end(&sha, hex);
    snprintf(session->subject, sizeof session->subject, "%.60s", whole);
}
