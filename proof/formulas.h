/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The formulas of the GEMM kernels (kernels/kernel.h), for elements of either type.
 *
 * An element travels as a double, which holds every float; each operation rounds once, to the type that `element`, the
 * bytes of one, stands for.
 */
#ifndef GML_PROOF_FORMULAS_H
#define GML_PROOF_FORMULAS_H

#include "proof/session.h"

double proof_get(size_t element, const void *data, int64_t at);
void proof_set(size_t element, void *data, int64_t at, double x);

/* x, rounded to the type; a value of the type. */
double proof_round(size_t element, double x);
double proof_any_value(size_t element, proof_random *random, proof_values values);

/* fma(a, b, c) and a * b. */
double proof_fma(size_t element, double a, double b, double c);
double proof_product(size_t element, double a, double b);

/* Pairs of alpha and beta: usual ones, zeros, infinities and NaN. Still to be rounded to the type. */
#define PROOF_N_FACTORS 12
extern const double proof_factors[PROOF_N_FACTORS][2];

/* The update of C by sums. */
void proof_update_formula(size_t element, int64_t m, int64_t n, double alpha, const void *s, int64_t lds,
                          double beta, void *c, int64_t rs_c, int64_t cs_c);

/* An epilogue whose biases are operands of the case, or NULL. */
typedef struct proof_epilogue {
    gml_gemm_epilogue epilogue; /* with the addresses of the data */
    proof_operand *bias_m, *bias_n;
} proof_epilogue;

/* Any for m rows and n columns, with an activation that the type has; and its formula, in images. */
proof_epilogue proof_place_epilogue(proof_session *session, size_t element, int64_t m, int64_t n,
                                    int32_t activation, proof_values values, proof_random *random);
void proof_finish_formula(size_t element, const proof_epilogue *e, int64_t m, int64_t n, void *c, int64_t rs_c,
                          int64_t cs_c);

/* How many activations a type has, counted from 0 (GML_ACTIVATION_NONE). */
int32_t proof_activations(size_t element);

#endif
