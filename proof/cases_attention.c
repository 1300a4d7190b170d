/* SPDX-License-Identifier: BSD-3-Clause */
#include "proof/cases_attention.h"
#include "kernels/arithmetic.h"
#include <gemmule/softmax.h>
#include <math.h>

#define COUNT(table) ((int32_t)(sizeof table / sizeof *table))

/* batch, heads, kv_heads, q_len, kv_len, head_dim, v_head_dim */
typedef int16_t sizes[7];

static const sizes masked[] = {
    {1, 1, 1, 1, 1, 1, 1},       {1, 1, 1, 1, 2, 2, 3},       {2, 1, 1, 3, 5, 7, 7},
    {1, 2, 1, 8, 8, 16, 16},     {1, 2, 2, 17, 17, 33, 31},   {1, 4, 2, 16, 16, 64, 64},
    {1, 4, 1, 31, 33, 64, 64},   {2, 2, 2, 48, 48, 64, 64},   {1, 1, 1, 49, 127, 80, 80},
    {1, 1, 1, 50, 128, 64, 64},  {1, 1, 1, 33, 129, 64, 64},  {1, 1, 1, 20, 255, 128, 128},
    {1, 2, 1, 9, 256, 96, 64},   {1, 3, 1, 7, 257, 64, 96},   {1, 8, 2, 1, 300, 64, 64},
    {3, 6, 3, 1, 64, 40, 40},    {1, 32, 1, 1, 130, 16, 16},  {1, 1, 1, 100, 100, 1, 128},
    {1, 1, 1, 100, 100, 128, 1}, {2, 2, 1, 25, 400, 24, 8},   {1, 1, 1, 64, 385, 64, 64},
    {1, 1, 1, 300, 20, 32, 32},  {1, 1, 1, 5, 1000, 64, 64},  {1, 2, 2, 60, 140, 65, 63},
    {1, 1, 1, 4, 0, 8, 8},       {0, 2, 1, 4, 4, 8, 8},       {1, 1, 1, 0, 4, 8, 8},
    {1, 12, 12, 24, 24, 32, 32}, {1, 2, 1, 130, 270, 64, 64}, {1, 1, 1, 96, 513, 40, 48},
};

/* The dimensions of models. */
static const sizes dims[] = {
    {1, 2, 1, 50, 150, 40, 40},   {1, 2, 2, 33, 140, 64, 64},   {2, 1, 1, 30, 130, 72, 72},
    {1, 3, 1, 20, 131, 80, 80},   {1, 2, 2, 17, 129, 96, 96},   {1, 1, 1, 49, 128, 112, 112},
    {1, 2, 1, 16, 160, 128, 128}, {1, 2, 2, 13, 145, 192, 128}, {1, 1, 1, 17, 135, 256, 256},
    {1, 2, 1, 2, 150, 576, 512},  {1, 16, 1, 1, 140, 576, 512},
};

/* Decoding: up to eight queries, groups of 1, 4, 7 and 8 heads. */
static const sizes few[] = {
    {1, 1, 1, 1, 1, 64, 64},      {1, 8, 8, 1, 1000, 64, 64},  {2, 8, 2, 1, 300, 64, 64},
    {1, 28, 4, 1, 129, 128, 128}, {1, 16, 2, 1, 400, 80, 80},  {3, 7, 1, 1, 257, 40, 40},
    {1, 4, 4, 2, 513, 64, 64},    {1, 4, 1, 2, 600, 128, 128}, {2, 7, 1, 3, 128, 96, 96},
    {1, 8, 1, 3, 385, 64, 64},    {1, 2, 2, 4, 640, 72, 72},   {1, 4, 1, 4, 255, 64, 64},
    {1, 7, 1, 5, 200, 112, 112},  {1, 8, 1, 6, 130, 64, 64},   {2, 4, 1, 7, 127, 40, 40},
    {1, 8, 1, 8, 260, 64, 64},    {1, 4, 4, 8, 384, 64, 64},   {4, 2, 1, 1, 17, 16, 16},
    {1, 8, 8, 1, 96, 192, 128},   {1, 1, 1, 1, 999, 256, 256},
};

/* What the options are combined on: tiles of several strips and blocks, and few queries. */
static const sizes several[] = {
    {2, 4, 2, 30, 290, 16, 16}, {1, 2, 1, 70, 140, 40, 40}, {2, 4, 1, 2, 300, 64, 64},
    {1, 2, 2, 130, 131, 24, 8}, {3, 2, 1, 1, 520, 32, 32},  {2, 1, 1, 40, 400, 33, 33},
    {2, 7, 1, 5, 200, 40, 40},
};

/* Offset, window to the left and to the right: positions and bounds beyond 64 bits, and what is left between them. */
static const int64_t extremes[][3] = {
    {INT64_MAX, INT64_MAX, 0}, {INT64_MAX, INT64_MAX, INT64_MAX}, {INT64_MAX - 2, INT64_MAX - 40, 7},
    {INT64_MIN, 0, INT64_MAX}, {INT64_MIN, INT64_MAX, INT64_MAX}, {INT64_MIN + 3, 9, INT64_MAX},
};

enum option {
    LENGTHS,
    PREFIX,
    LEFT,
    RIGHT,
    DOCUMENTS,
    ALIBI,
    SINKS,
    SOFTCAP,
    TRANSPOSED,
    WEIGHTS,
    IN_PLACE,
    BIAS,
    KEEP,
    CAUSAL,
    OPTIONS
};

/* The lists, one after the other. */
enum {
    MASKED = COUNT(masked) * 4,
    DIMS = COUNT(dims) * 3,
    FEW = COUNT(few) * 3,
    SINGLES = OPTIONS * 2,
    PAIRS = OPTIONS * (OPTIONS - 1) / 2,
    ALL = COUNT(several) * 2,
    EXTREMES = COUNT(extremes)
};

_Static_assert(MASKED + DIMS + FEW + SINGLES + PAIRS + ALL + EXTREMES == PROOF_ATTENTION_CASES,
               "the count of cases_attention.h");

proof_values proof_values_of_case(int32_t number)
{
    static const proof_values values[] = {PROOF_UNIFORM, PROOF_INTEGERS, PROOF_SPREAD,  PROOF_UNIFORM,
                                          PROOF_WIDE,    PROOF_SPECIALS, PROOF_UNIFORM, PROOF_DENORMAL,
                                          PROOF_SPREAD,  PROOF_UNIFORM,  PROOF_EXTREME};
    return values[number % COUNT(values)];
}

static proof_attention plain_case(int32_t number, const int16_t *size)
{
    static const float scale[] = {0, 0, 0.5f, 0, -1};
    proof_attention a = {.batch = size[0],
                         .heads = size[1],
                         .kv_heads = size[2],
                         .q_len = size[3],
                         .kv_len = size[4],
                         .head_dim = size[5],
                         .v_head_dim = size[6]};
    a.token_major = number / 3 % 2;
    a.kv_broadcast = number % 7 == 0;
    a.gap = number % 3 ? 0 : number % 20;
    a.lse = number % 3 != 0;
    a.bias_broadcast = (unsigned)number % 8;
    a.keep_broadcast = (unsigned)number / 3 % 8;
    a.masked = 1 + number % 6;
    a.dead = number % 3 == 0 ? 1 + number % 4 : 0;
    a.hot = number % 11 == 0 || number % 26 == 13;
    a.scale = scale[number % COUNT(scale)];
    a.values = proof_values_of_case(number);
    a.seed = (uint64_t)number;
    return a;
}

static proof_attention masked_case(int32_t number, int32_t row, int32_t variant)
{
    proof_attention a = plain_case(number, masked[row]);
    a.in_place = a.head_dim == a.v_head_dim && number % 5 == 0;
    a.bias = variant & 1;
    a.keep = variant & 2;
    a.sunk = number % 13 == 0 ? number % 2 ? a.kv_len : a.kv_len / 2 : 0;
    a.causal = (row + variant) % 4;
    a.causal_offset = a.causal == GML_CAUSAL_OFFSET ? number % 9 - 4 : 0;
    return a;
}

/* n says which value, of an option that has several. */
static void set_option(proof_attention *a, enum option option, int32_t n)
{
    static const int64_t windows[] = {1, 5, 127, 128, 129, 33, 1000, INT64_MAX};
    static const int64_t offsets[] = {-3, 0, 60, 129, INT64_MIN, INT64_MAX};
    static const float caps[] = {30.0f, 50.0f, 2.0f, 0x1p-100f, 0x1p100f};
    switch (option) {
    case LENGTHS:
        a->lengths = true;
        break;
    case PREFIX:
        a->prefix = true;
        break;
    case LEFT:
        a->window_left = windows[n % COUNT(windows)];
        break;
    case RIGHT:
        a->window_right = windows[n / 3 % COUNT(windows)];
        break;
    case DOCUMENTS:
        a->documents = n % 4 ? PROOF_RUNS : PROOF_ARBITRARY;
        a->q_document_broadcast = n % 5 == 0;
        a->kv_document_broadcast = n % 3 == 0;
        break;
    case ALIBI:
        a->alibi = true;
        break;
    case SINKS:
        a->sinks = true;
        break;
    case SOFTCAP:
        a->softcap = caps[n % COUNT(caps)];
        break;
    case TRANSPOSED:
        a->k_transposed = true;
        break;
    case WEIGHTS:
        a->weights = true;
        break;
    case IN_PLACE:
        a->in_place = a->head_dim == a->v_head_dim;
        break;
    case BIAS:
        a->bias = true;
        break;
    case KEEP:
        a->keep = true;
        break;
    default: /* CAUSAL */
        a->causal = GML_CAUSAL_BOTTOM_RIGHT + n % 3;
        if (a->causal == GML_CAUSAL_OFFSET)
            a->causal_offset = offsets[n / 3 % COUNT(offsets)];
    }
}

/* As models ask for them: plain, causal with an option, and with a window; that of an even number of queries begins in
 * two blocks, of an odd number the keys have lengths. */
static proof_attention model_case(int32_t number, const int16_t *size, int32_t variant)
{
    proof_attention a = plain_case(number, size);
    if (variant > 0)
        a.causal = GML_CAUSAL_BOTTOM_RIGHT;
    if (variant == 1)
        set_option(&a, (enum option)(number % CAUSAL), number);
    if (variant == 2) {
        const int64_t across = a.kv_len - a.q_len / 2 - GML_KB0;
        a.lengths = a.q_len % 2;
        a.window_left = a.lengths || across < 1 ? 100 + number % 60 : across;
        a.sinks = number % 2;
        a.softcap = number % 3 ? 0 : 50;
    }
    return a;
}

/* Pair `index` of the options: (0, 1), (0, 2), (1, 2), (0, 3), ... */
static proof_attention pair_case(int32_t number, int32_t index)
{
    proof_attention a = plain_case(number, several[number % COUNT(several)]);
    int32_t second = 1;
    for (; index >= second; second++)
        index -= second;
    set_option(&a, (enum option)index, number);
    set_option(&a, (enum option)second, number);
    return a;
}

static proof_attention all_case(int32_t number, int32_t index)
{
    proof_attention a = plain_case(number, several[index % COUNT(several)]);
    for (int option = 0; option < OPTIONS; option++)
        set_option(&a, (enum option)option, number);
    return a;
}

static proof_attention extreme_case(int32_t number, int32_t index)
{
    proof_attention a = plain_case(number, several[index % COUNT(several)]);
    a.causal = GML_CAUSAL_OFFSET;
    a.causal_offset = extremes[index][0];
    a.window_left = extremes[index][1];
    a.window_right = extremes[index][2];
    a.alibi = index % 2;
    return a;
}

proof_attention proof_attention_numbered(int32_t index, int32_t number)
{
    if (index < MASKED)
        return masked_case(number, index / 4, index % 4);
    if ((index -= MASKED) < DIMS)
        return model_case(number, dims[index / 3], index % 3);
    if ((index -= DIMS) < FEW)
        return model_case(number, few[index / 3], index % 3);
    if ((index -= FEW) < SINGLES) {
        proof_attention a = plain_case(number, several[number % COUNT(several)]);
        set_option(&a, (enum option)(index / 2), number);
        return a;
    }
    if ((index -= SINGLES) < PAIRS)
        return pair_case(number, index);
    if ((index -= PAIRS) < ALL)
        return all_case(number, index);
    return extreme_case(number, index - ALL);
}

proof_merge proof_merge_numbered(int32_t index, int32_t number)
{
    /* parts, batch, heads, q_len, v_head_dim */
    static const int16_t merges[][5] = {
        {0, 1, 2, 3, 5},   {1, 1, 1, 1, 1},   {1, 2, 3, 4, 64},  {2, 1, 2, 1, 128},
        {2, 2, 2, 5, 40},  {3, 1, 4, 9, 17},  {3, 1, 1, 33, 96}, {4, 2, 1, 7, 80},
        {5, 1, 8, 1, 512}, {6, 1, 2, 20, 33}, {2, 0, 2, 2, 8},   {3, 1, 0, 2, 8},
        {3, 1, 2, 0, 8},   {6, 3, 2, 2, 15},  {2, 1, 1, 100, 4}, {31, 1, 1, 3, 16},
    };
    _Static_assert(sizeof merges / sizeof *merges * 2 == PROOF_MERGE_CASES, "the count of cases_attention.h");
    const int16_t *size = merges[index / 2];
    return (proof_merge){.parts = size[0],
                         .batch = size[1],
                         .heads = size[2],
                         .q_len = size[3],
                         .v_head_dim = size[4],
                         .token_major = number / 2 % 2,
                         .lse = number % 4 != 0,
                         .gap = number % 3 ? 0 : number % 20,
                         .empty = 1 + number % 7,
                         .specials = index % 2,
                         .values = proof_values_of_case(number),
                         .seed = (uint64_t)number};
}
