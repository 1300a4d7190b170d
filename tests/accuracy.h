/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The rows of docs/accuracy.md: errors of the library against a higher precision, beside those of the same computation
 * done naively in the type of its operands.
 */
#ifndef GML_TESTS_ACCURACY_H
#define GML_TESTS_ACCURACY_H

#include <stdint.h>

/* Of all elements of a result: the largest error, and the root of the mean square. Each table says in what unit. */
typedef struct accuracy {
    double largest, mean;
} accuracy;

typedef struct accuracy_row {
    const char *problem;
    accuracy ours, naive;
    accuracy lse, naive_lse; /* of logsumexp; zero where a table has none */
} accuracy_row;

#define ACCURACY_ROWS 40

/* Each fills `rows` and returns their number, at most ACCURACY_ROWS; without memory, 0. */
int accuracy_of_attention(accuracy_row *rows);
int accuracy_of_softmax(accuracy_row *rows);
int accuracy_of_gemm(accuracy_row *rows);

#endif
