/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What fortran_layout.f90 has set, as the headers see it. Each function returns 0, or the line that does not hold.
 */
#include <gemmule/gemmule.h>
#include <string.h>

int check_options(const gml_context_options *x);
int check_gemm(const gml_gemm_problem *x);
int check_softmax(const gml_softmax_problem *x);
int check_attention(const gml_attention_problem *x);
int check_merging(const gml_attention_merge_problem *x);
int check_defaults(const gml_context_options *options, const gml_gemm_problem *gemm,
                   const gml_softmax_problem *softmax, const gml_attention_problem *attention,
                   const gml_attention_merge_problem *merging);
int check_constants(const int *x, int n);

#define DEMAND(CONDITION)                                                                                    \
    if (!(CONDITION))                                                                                        \
    return __LINE__
#define IS(MEMBER, NUMBER) DEMAND(x->MEMBER == (NUMBER))
#define AT(MEMBER, NUMBER) DEMAND((uintptr_t)x->MEMBER == (NUMBER))

int check_options(const gml_context_options *x)
{
    IS(size, sizeof *x);
    IS(threads, 1);
    IS(reserved, 2);
    AT(isa, 3);
    AT(parallel_for, 4);
    AT(parallel_host, 5);
    AT(allocate, 6);
    AT(release, 7);
    AT(allocator_host, 8);
    return 0;
}

int check_gemm(const gml_gemm_problem *x)
{
    IS(size, sizeof *x);
    IS(type, 1);
    IS(threads, 2);
    IS(m, 3);
    IS(n, 4);
    IS(k, 5);
    IS(alpha, 6.0);
    IS(beta, 7.0);
    AT(a, 8);
    IS(rs_a, 9);
    IS(cs_a, 10);
    AT(b, 11);
    IS(rs_b, 12);
    IS(cs_b, 13);
    AT(c, 14);
    IS(rs_c, 15);
    IS(cs_c, 16);
    IS(batch, 17);
    IS(bs_a, 18);
    IS(bs_b, 19);
    IS(bs_c, 20);
    AT(a_list, 21);
    AT(b_list, 22);
    AT(c_list, 23);
    AT(packed_a, 24);
    AT(packed_b, 25);
    AT(bias_m, 26);
    AT(bias_n, 27);
    IS(activation, 28);
    IS(reserved, 29);
    AT(label, 30);
    return 0;
}

int check_softmax(const gml_softmax_problem *x)
{
    IS(size, sizeof *x);
    IS(batch, 1);
    IS(rows, 2);
    IS(cols, 3);
    AT(x, 4);
    IS(x_stride, 5);
    IS(x_col_stride, 6);
    IS(x_batch_stride, 7);
    AT(y, 8);
    IS(y_stride, 9);
    IS(y_col_stride, 10);
    IS(y_batch_stride, 11);
    AT(bias, 12);
    IS(bias_stride, 13);
    IS(bias_batch_stride, 14);
    AT(keep, 15);
    IS(keep_stride, 16);
    IS(keep_batch_stride, 17);
    AT(lse, 18);
    IS(lse_stride, 19);
    IS(lse_batch_stride, 20);
    AT(alibi, 21);
    AT(sinks, 22);
    IS(causal_offset, 23);
    IS(causal, 24);
    IS(scale, 25.0f);
    IS(softcap, 26.0f);
    IS(log, 27);
    IS(threads, 28);
    IS(reserved, 29);
    return 0;
}

int check_attention(const gml_attention_problem *x)
{
    IS(size, sizeof *x);
    IS(batch, 1);
    IS(heads, 2);
    IS(kv_heads, 3);
    IS(q_len, 4);
    IS(kv_len, 5);
    IS(head_dim, 6);
    IS(v_head_dim, 7);
    AT(q, 8);
    AT(k, 12);
    IS(k_dim_stride, 16);
    AT(v, 17);
    AT(o, 21);
    AT(lse, 25);
    AT(weights, 29);
    AT(bias, 34);
    AT(keep, 39);
    AT(kv_lengths, 44);
    AT(prefix, 45);
    AT(q_document, 46);
    IS(q_document_stride, 47);
    AT(kv_document, 48);
    IS(kv_document_stride, 49);
    AT(alibi, 50);
    AT(sinks, 51);
    IS(window_left, 52);
    IS(window_right, 53);
    IS(causal_offset, 54);
    IS(causal, 55);
    IS(scale, 56.0f);
    IS(softcap, 57.0f);
    IS(threads, 58);
    for (int i = 0; i < 3; i++) {
        IS(q_stride[i], 9 + i);
        IS(k_stride[i], 13 + i);
        IS(v_stride[i], 18 + i);
        IS(o_stride[i], 22 + i);
        IS(lse_stride[i], 26 + i);
    }
    for (int i = 0; i < 4; i++) {
        IS(weights_stride[i], 30 + i);
        IS(bias_stride[i], 35 + i);
        IS(keep_stride[i], 40 + i);
    }
    return 0;
}

int check_merging(const gml_attention_merge_problem *x)
{
    IS(size, sizeof *x);
    IS(parts, 1);
    IS(batch, 2);
    IS(heads, 3);
    IS(q_len, 4);
    IS(v_head_dim, 5);
    AT(o_parts, 6);
    AT(lse_parts, 11);
    AT(o, 16);
    AT(lse, 20);
    IS(threads, 24);
    IS(reserved, 25);
    for (int i = 0; i < 3; i++) {
        IS(o_stride[i], 17 + i);
        IS(lse_stride[i], 21 + i);
    }
    for (int i = 0; i < 4; i++) {
        IS(o_parts_stride[i], 7 + i);
        IS(lse_parts_stride[i], 12 + i);
    }
    return 0;
}

int check_defaults(const gml_context_options *options, const gml_gemm_problem *gemm,
                   const gml_softmax_problem *softmax, const gml_attention_problem *attention,
                   const gml_attention_merge_problem *merging)
{
    static const gml_context_options no_options = GML_CONTEXT_OPTIONS_INIT;
    static const gml_gemm_problem no_gemm = GML_GEMM_PROBLEM_INIT;
    static const gml_softmax_problem no_softmax = GML_SOFTMAX_PROBLEM_INIT;
    static const gml_attention_problem no_attention = GML_ATTENTION_PROBLEM_INIT;
    static const gml_attention_merge_problem no_merging = GML_ATTENTION_MERGE_PROBLEM_INIT;
    DEMAND(memcmp(options, &no_options, sizeof no_options) == 0);
    DEMAND(memcmp(gemm, &no_gemm, sizeof no_gemm) == 0);
    DEMAND(memcmp(softmax, &no_softmax, sizeof no_softmax) == 0);
    DEMAND(memcmp(attention, &no_attention, sizeof no_attention) == 0);
    DEMAND(memcmp(merging, &no_merging, sizeof no_merging) == 0);
    return 0;
}

int check_constants(const int *x, int n)
{
    static const int expected[] = {
        GML_OK,
        GML_ERR_ARGUMENT,
        GML_ERR_OVERLAP,
        GML_ERR_DESCRIPTOR,
        GML_ERR_ISA,
        GML_ERR_MEMORY,
        GML_F32,
        GML_F64,
        GML_ACTIVATION_NONE,
        GML_ACTIVATION_RELU,
        GML_ACTIVATION_GELU_ERF,
        GML_ACTIVATION_GELU_TANH,
        GML_ACTIVATION_SILU,
        GML_CAUSAL_NONE,
        GML_CAUSAL_BOTTOM_RIGHT,
        GML_CAUSAL_TOP_LEFT,
        GML_CAUSAL_OFFSET,
    };
    DEMAND(n == (int)(sizeof expected / sizeof *expected));
    DEMAND(memcmp(x, expected, sizeof expected) == 0);
    return 0;
}
