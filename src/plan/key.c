/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keys of problems, their hash and their cell. A key is made for every call that is planned, so there is no more to it
 * than a few comparisons, and products that do not wait for each other.
 */
#include "src/plan/key.h"
#include "src/core/softmax.h"
#include "src/plan/work.h"

/* The smaller stride of C tells which way it is stored; that of a dimension of one element tells nothing. Of a single
 * element, A and B are vectors, and the denser one comes first. */
bool gml_key_transposes(const gml_gemm_args *args)
{
    if (args->packed_a || args->packed_b)
        return (args->packed_a ? args->packed_a : args->packed_b)->transpose;
    const int64_t rows = args->m == 1 ? INT64_MAX : args->rs_c, cols = args->n == 1 ? INT64_MAX : args->cs_c;
    return rows < cols || (rows == cols && args->cs_a > args->rs_b);
}

/* The bits of an operand whose other dimension is the one that it is `across`. */
static unsigned layout_of(bool along, bool across, unsigned columns, unsigned strided)
{
    return along ? 0 : across ? columns : strided;
}

gml_key gml_key_gemm(const gml_gemm_args *args, int64_t batch, int32_t threads)
{
    const bool swap = gml_key_transposes(args);
    const int64_t m = swap ? args->n : args->m, n = swap ? args->m : args->n;
    const int64_t rs_a = swap ? args->cs_b : args->rs_a, cs_a = swap ? args->rs_b : args->cs_a;
    const int64_t rs_b = swap ? args->cs_a : args->rs_b, cs_b = swap ? args->rs_a : args->cs_b;
    const int64_t cs_c = swap ? args->rs_c : args->cs_c;
    const gml_gemm_packed *packed_a = swap ? args->packed_b : args->packed_a;
    const gml_gemm_packed *packed_b = swap ? args->packed_a : args->packed_b;

    unsigned layout = packed_a ? GML_LAYOUT_PACKED_A
                               : layout_of(cs_a == 1 || args->k == 1, rs_a == 1 || m == 1,
                                           GML_LAYOUT_A_COLUMNS, GML_LAYOUT_A_STRIDED);
    layout |= packed_b ? GML_LAYOUT_PACKED_B
                       : layout_of(cs_b == 1 || n == 1, rs_b == 1 || args->k == 1, GML_LAYOUT_B_COLUMNS,
                                   GML_LAYOUT_B_STRIDED);
    layout |= args->beta != 0.0 ? GML_LAYOUT_READS_C : 0;
    layout |= cs_c == 1 || n == 1 ? 0 : GML_LAYOUT_C_STRIDED;
    return (gml_key){.operation = GML_OPERATION_GEMM,
                     .type = (uint8_t)args->type,
                     .layout = (uint16_t)layout,
                     .threads = threads,
                     .size = {m, n, args->k, batch}};
}

gml_key gml_key_softmax(const gml_softmax_problem *p, int32_t threads)
{
    unsigned layout = p->x == p->y ? GML_LAYOUT_IN_PLACE : 0;
    if (p->bias || p->keep || p->alibi || p->softcap != 0.0f || p->causal != GML_CAUSAL_NONE)
        layout |= GML_LAYOUT_MASKED;
    layout |= gml_softmax_contiguous(p) ? 0 : GML_LAYOUT_COLUMNS;
    return (gml_key){.operation = GML_OPERATION_SOFTMAX,
                     .type = GML_F32,
                     .layout = (uint16_t)layout,
                     .threads = threads,
                     .size = {saturated(p->batch, p->rows), p->cols}};
}

gml_key gml_key_attention(const gml_attention_problem *p, int32_t threads)
{
    unsigned layout = p->causal != GML_CAUSAL_NONE ? GML_LAYOUT_CAUSAL : 0;
    if (p->window_left || p->window_right || p->kv_lengths || p->prefix || p->q_document)
        layout |= GML_LAYOUT_SPARSE;
    if (p->bias || p->keep || p->alibi || p->softcap != 0.0f)
        layout |= GML_LAYOUT_SCORES;
    if (p->k_dim_stride > 1)
        layout |= GML_LAYOUT_K_COLUMNS;
    else if (p->k_stride[2] != p->head_dim && p->kv_len > 1)
        layout |= GML_LAYOUT_TOKENS;
    layout |= p->weights ? GML_LAYOUT_WEIGHTS : 0;
    const int64_t group = p->heads == p->kv_heads ? 1 : p->heads / p->kv_heads;
    return (gml_key){
        .operation = GML_OPERATION_ATTENTION,
        .type = GML_F32,
        .layout = (uint16_t)layout,
        .threads = threads,
        .size = {saturated(p->batch, p->kv_heads), group, p->q_len, p->kv_len, p->head_dim, p->v_head_dim}};
}

bool gml_key_equal(const gml_key *x, const gml_key *y)
{
    uint64_t differ = (uint64_t)(x->operation ^ y->operation) | (uint64_t)(x->type ^ y->type) |
                      (uint64_t)(x->layout ^ y->layout) | (uint64_t)(uint32_t)(x->threads ^ y->threads);
    for (int i = 0; i < GML_KEY_SIZES; i++)
        differ |= (uint64_t)(x->size[i] ^ y->size[i]);
    return differ == 0;
}

/* Sums of products with odd constants (the square roots of primes), mixed so that high bits reach low ones. */
uint64_t gml_key_hash(const gml_key *key)
{
    static const uint64_t factors[GML_KEY_SIZES + 1] = {
        UINT64_C(0x6a09e667f3bcc909), UINT64_C(0xbb67ae8584caa73b), UINT64_C(0x3c6ef372fe94f82b),
        UINT64_C(0xa54ff53a5f1d36f1), UINT64_C(0x510e527fade682d1), UINT64_C(0x9b05688c2b3e6c1f),
        UINT64_C(0x1f83d9abfb41bd6b)};
    uint64_t hash = gml_key_head(key) * factors[GML_KEY_SIZES];
    for (int i = 0; i < GML_KEY_SIZES; i++)
        hash += (uint64_t)key->size[i] * factors[i];
    hash ^= hash >> 32;
    hash *= factors[0];
    return hash ^ hash >> 29;
}

gml_key gml_key_cell(const gml_key *key)
{
    gml_key cell = *key;
    for (int i = 0; i < GML_KEY_SIZES; i++)
        cell.size[i] = gml_key_log2(key->size[i]);
    return cell;
}
