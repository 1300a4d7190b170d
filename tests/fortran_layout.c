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
int check_defaults(const gml_context_options *options, const gml_gemm_problem *gemm,
                   const gml_softmax_problem *softmax, const gml_attention_problem *attention);
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
    IS(rows, 1);
    IS(cols, 2);
    AT(x, 3);
    IS(x_stride, 4);
    AT(y, 5);
    IS(y_stride, 6);
    AT(bias, 7);
    IS(bias_stride, 8);
    AT(keep, 9);
    IS(keep_stride, 10);
    IS(scale, 11.0f);
    IS(causal, 12);
    IS(causal_offset, 13);
    IS(threads, 14);
    IS(reserved, 15);
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
    AT(v, 16);
    AT(o, 20);
    AT(lse, 24);
    for (int i = 0; i < 3; i++) {
        IS(q_stride[i], 9 + i);
        IS(k_stride[i], 13 + i);
        IS(v_stride[i], 17 + i);
        IS(o_stride[i], 21 + i);
        IS(lse_stride[i], 25 + i);
    }
    AT(bias, 28);
    AT(keep, 33);
    for (int i = 0; i < 4; i++) {
        IS(bias_stride[i], 29 + i);
        IS(keep_stride[i], 34 + i);
    }
    IS(scale, 38.0f);
    IS(causal, 39);
    IS(causal_offset, 40);
    IS(threads, 41);
    IS(reserved, 42);
    return 0;
}

int check_defaults(const gml_context_options *options, const gml_gemm_problem *gemm,
                   const gml_softmax_problem *softmax, const gml_attention_problem *attention)
{
    static const gml_context_options no_options = GML_CONTEXT_OPTIONS_INIT;
    static const gml_gemm_problem no_gemm = GML_GEMM_PROBLEM_INIT;
    static const gml_softmax_problem no_softmax = GML_SOFTMAX_PROBLEM_INIT;
    static const gml_attention_problem no_attention = GML_ATTENTION_PROBLEM_INIT;
    DEMAND(memcmp(options, &no_options, sizeof no_options) == 0);
    DEMAND(memcmp(gemm, &no_gemm, sizeof no_gemm) == 0);
    DEMAND(memcmp(softmax, &no_softmax, sizeof no_softmax) == 0);
    DEMAND(memcmp(attention, &no_attention, sizeof no_attention) == 0);
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
