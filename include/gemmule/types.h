/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Types of elements, and functions of one element.
 */
#ifndef GEMMULE_TYPES_H
#define GEMMULE_TYPES_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum gml_type {
    GML_F32 = 1, /* float: IEEE 754 binary32  */
    GML_F64 = 2  /* double: IEEE 754 binary64 */
} gml_type;

/*
 * What is done to each element of a product at the end (docs/arithmetic.md, "Epilogue"). The results at -infinity are
 * those of the formulas: 0 for RELU, NaN for the others.
 */
typedef enum gml_activation {
    GML_ACTIVATION_NONE = 0,
    GML_ACTIVATION_RELU = 1,      /* 0 > x ? 0 : x, so that NaN stays                                       */
    GML_ACTIVATION_GELU_ERF = 2,  /* x * Phi(x), Phi being the normal distribution (arXiv 1606.08415); f32  */
    GML_ACTIVATION_GELU_TANH = 3, /* its form with tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)); f32           */
    GML_ACTIVATION_SILU = 4       /* x / (1 + exp(-x)); f32                                                 */
} gml_activation;

#ifdef __cplusplus
}
#endif

#endif
