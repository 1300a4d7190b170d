/* SPDX-License-Identifier: BSD-3-Clause */
#include "proof/formulas.h"
#include "proof/spec/spec.h"
#include <gemmule/types.h>
#include <math.h>

const double proof_factors[PROOF_N_FACTORS][2] = {{1, 0},     {1, 1},    {1.25, 0},           {1.25, 0.75},
                                                  {-1, -0.0}, {0.5, -1}, {1, INFINITY},       {NAN, 1},
                                                  {0, 2},     {1, NAN},  {1 / 3.0, -1 / 7.0}, {INFINITY, 0}};

double proof_get(size_t element, const void *data, int64_t at)
{
    return element == sizeof(float) ? (double)((const float *)data)[at] : ((const double *)data)[at];
}

void proof_set(size_t element, void *data, int64_t at, double x)
{
    if (element == sizeof(float))
        ((float *)data)[at] = (float)x;
    else
        ((double *)data)[at] = x;
}

double proof_round(size_t element, double x)
{
    return element == sizeof(float) ? (double)(float)x : x;
}

double proof_any_value(size_t element, proof_random *random, proof_values values)
{
    return element == sizeof(float) ? (double)proof_value(random, values) : proof_value_f64(random, values);
}

double proof_fma(size_t element, double a, double b, double c)
{
    return element == sizeof(float) ? (double)fmaf((float)a, (float)b, (float)c) : fma(a, b, c);
}

double proof_product(size_t element, double a, double b)
{
    return element == sizeof(float) ? (double)((float)a * (float)b) : a * b;
}

void proof_update_formula(size_t element, int64_t m, int64_t n, double alpha, const void *s, int64_t lds,
                          double beta, void *c, int64_t rs_c, int64_t cs_c)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            const int64_t at = i * rs_c + j * cs_c;
            const double sum = proof_get(element, s, i * lds + j);
            if (beta == 0.0)
                proof_set(element, c, at, proof_product(element, alpha, sum));
            else
                proof_set(
                    element, c, at,
                    proof_fma(element, alpha, sum, proof_product(element, beta, proof_get(element, c, at))));
        }
}

int32_t proof_activations(size_t element)
{
    return element == sizeof(float) ? GML_ACTIVATION_SILU + 1 : GML_ACTIVATION_RELU + 1;
}

proof_epilogue proof_place_epilogue(proof_session *session, size_t element, int64_t m, int64_t n,
                                    int32_t activation, proof_values values, proof_random *random)
{
    proof_epilogue e = {.epilogue = {.m_first = proof_once_in(random, 2), .activation = activation}};
    const int64_t biases = proof_below(random, 4);
    if (biases & 1) {
        e.bias_m = proof_place_matrix(session->arena, "bias_m", element, 1, m, m, 1, proof_any_edge(random));
        proof_fill(e.bias_m, random, values);
        e.epilogue.bias_m = e.bias_m->data;
    }
    if (biases & 2) {
        e.bias_n = proof_place_matrix(session->arena, "bias_n", element, 1, n, n, 1, proof_any_edge(random));
        proof_fill(e.bias_n, random, values);
        e.epilogue.bias_n = e.bias_n->data;
    }
    return e;
}

void proof_finish_formula(size_t element, const proof_epilogue *e, int64_t m, int64_t n, void *c,
                          int64_t rs_c, int64_t cs_c)
{
    const void *bias_m = e->bias_m ? e->bias_m->image : NULL, *bias_n = e->bias_n ? e->bias_n->image : NULL;
    const int32_t activation = e->epilogue.activation;
    if (e->epilogue.m_first) { /* what the specification does to the transposed matrix */
        const void *rows = bias_m;
        const int64_t extent = m, stride = rs_c;
        bias_m = bias_n, bias_n = rows;
        m = n, n = extent;
        rs_c = cs_c, cs_c = stride;
    }
    if (element == sizeof(float))
        spec_epilogue_f32(m, n, bias_m, bias_n, activation, c, rs_c, cs_c);
    else
        spec_epilogue_f64(m, n, bias_m, bias_n, activation, c, rs_c, cs_c);
}
