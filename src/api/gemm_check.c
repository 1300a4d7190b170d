/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Legality of the operands of GEMM. An operand is one matrix for each product of the batch: a tensor of rank 3, or a
 * list of matrices. Entries of lists are looked at one by one, and described in full only where a comparison of
 * addresses does not settle it.
 */
#include "src/api/gemm.h"
#include "src/core/integers.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAME = 32 };

typedef struct operand {
    gml_tensor all; /* batch, rows, columns; of a list, its first matrix */
    const void *const *list;
    int64_t count; /* of the list */
} operand;

static operand operand_of(gml_gemm_operand which, const gml_gemm_args *args, const gml_gemm_batch *batch)
{
    const size_t element = gml_gemm_element(args->type);
    const void *const *list = NULL;
    gml_tensor all;
    int64_t stride;
    switch (which) {
    case GML_GEMM_A:
        all = (gml_tensor){
            "a", "bs_a\0rs_a\0cs_a", args->a, 3, element, {0, args->m, args->k}, {0, args->rs_a, args->cs_a}};
        stride = batch->bs_a;
        list = batch->a_list;
        break;
    case GML_GEMM_B:
        all = (gml_tensor){
            "b", "bs_b\0rs_b\0cs_b", args->b, 3, element, {0, args->k, args->n}, {0, args->rs_b, args->cs_b}};
        stride = batch->bs_b;
        list = batch->b_list;
        break;
    default:
        all = (gml_tensor){
            "c", "bs_c\0rs_c\0cs_c", args->c, 3, element, {0, args->m, args->n}, {0, args->rs_c, args->cs_c}};
        stride = batch->bs_c;
        list = (const void *const *)batch->c_list;
        break;
    }
    /* Matrices at one address are one matrix, if they are only read. */
    const bool one = list || batch->count == 1 || (stride == 0 && which != GML_GEMM_C);
    all.extent[0] = one ? min64(batch->count, 1) : batch->count;
    all.stride[0] = one ? 0 : stride;
    return (operand){.all = all, .list = list, .count = batch->count};
}

static const void *address_of(const operand *x, int64_t l)
{
    if (x->list)
        return x->list[l];
    return (const void *)((uintptr_t)x->all.data + (uintptr_t)(l * x->all.stride[0]) * x->all.element);
}

/* The matrix of product l. `name` is memory for the name of an entry of a list. */
static gml_tensor matrix_of(const operand *x, int64_t l, char name[NAME])
{
    gml_tensor one = x->all;
    one.rank = 2;
    one.stride_names += strlen(one.stride_names) + 1;
    for (int d = 0; d < 2; d++) {
        one.extent[d] = x->all.extent[d + 1];
        one.stride[d] = x->all.stride[d + 1];
    }
    one.data = address_of(x, l);
    if (x->list) {
        snprintf(name, NAME, "%s_list[%" PRId64 "]", x->all.name, l);
        one.name = name;
    }
    return one;
}

gml_status gml_gemm_check_operand(const char *function, gml_gemm_operand which, const gml_gemm_args *args,
                                  const gml_gemm_batch *batch)
{
    char name[NAME];
    const operand x = operand_of(which, args, batch);
    if (x.count == 0)
        return GML_OK;
    const gml_tensor first = matrix_of(&x, 0, name);
    if (!x.list) {
        GML_TRY(gml_check_tensor(function, &x.all));
        return gml_check_distinct(function, which == GML_GEMM_C ? &x.all : &first);
    }
    GML_TRY(gml_check_tensor(function, &first));
    GML_TRY(gml_check_distinct(function, &first));
    if (gml_tensor_empty(&first))
        return GML_OK;
    const uintptr_t last = UINTPTR_MAX - gml_tensor_bytes(&first);
    for (int64_t l = 1; l < x.count; l++)
        if (!x.list[l] || (uintptr_t)x.list[l] > last) {
            const gml_tensor entry = matrix_of(&x, l, name);
            GML_TRY(gml_check_tensor(function, &entry));
        }
    return GML_OK;
}

gml_status gml_gemm_check_described(const char *function, const gml_gemm_args *args,
                                    const gml_gemm_batch *batch)
{
    GML_TRY(gml_gemm_check_operand(function, GML_GEMM_C, args, batch));
    if (gml_gemm_empty(args, batch) || !gml_gemm_multiplies(args))
        return GML_OK; /* a and b are not read, and may be anything */
    if (!args->packed_a)
        GML_TRY(gml_gemm_check_operand(function, GML_GEMM_A, args, batch));
    if (!args->packed_b)
        GML_TRY(gml_gemm_check_operand(function, GML_GEMM_B, args, batch));
    return GML_OK;
}

/* The stride of a single element means nothing: it is made that of the other tensor, so that strides compare. */
static gml_status check_overlap(const char *function, gml_tensor written, gml_tensor read)
{
    for (int d = 0; d < written.rank; d++) {
        if (written.extent[d] == 1)
            written.stride[d] = read.extent[d] == 1 ? 0 : read.stride[d];
        if (read.extent[d] == 1)
            read.stride[d] = written.stride[d];
    }
    return gml_check_overlap(function, &written, &read);
}

/* Each C_l against x_l, or C against x where both are tensors. */
static gml_status check_apart(const char *function, const operand *c, const operand *x)
{
    if (!c->list && !x->list)
        return check_overlap(function, c->all, x->all);
    char of_c[NAME], of_x[NAME];
    const gml_tensor first_c = matrix_of(c, 0, of_c), first_x = matrix_of(x, 0, of_x);
    const size_t bytes_c = gml_tensor_bytes(&first_c), bytes_x = gml_tensor_bytes(&first_x);
    for (int64_t l = 0; l < c->count; l++)
        if (!gml_apart(address_of(c, l), bytes_c, address_of(x, l), bytes_x))
            GML_TRY(check_overlap(function, matrix_of(c, l, of_c), matrix_of(x, l, of_x)));
    return GML_OK;
}

/* A bias lies along the dimension of C that is contiguous, if there is one. */
static gml_status check_bias(const char *function, const operand *c, const char *name, const void *bias,
                             int64_t extent)
{
    if (!bias)
        return GML_OK;
    operand x = {.all = {name, "-\0-\0-", bias, 3, c->all.element, {1, 1, 1}, {0, 0, 0}}, .count = c->count};
    const int along = c->all.stride[1] == 1 && c->all.extent[1] > 1 ? 1 : 2;
    x.all.extent[along] = extent;
    x.all.stride[along] = 1;
    return check_apart(function, c, &x);
}

gml_status gml_gemm_check_apart(const char *function, const gml_gemm_args *args, const gml_gemm_batch *batch)
{
    if (gml_gemm_empty(args, batch))
        return GML_OK;
    const operand c = operand_of(GML_GEMM_C, args, batch);
    if (gml_gemm_multiplies(args) && !args->packed_a) {
        const operand a = operand_of(GML_GEMM_A, args, batch);
        GML_TRY(check_apart(function, &c, &a));
    }
    if (gml_gemm_multiplies(args) && !args->packed_b) {
        const operand b = operand_of(GML_GEMM_B, args, batch);
        GML_TRY(check_apart(function, &c, &b));
    }
    GML_TRY(check_bias(function, &c, "bias_m", args->epilogue.bias_m, args->m));
    return check_bias(function, &c, "bias_n", args->epilogue.bias_n, args->n);
}

size_t gml_gemm_bytes(gml_gemm_operand which, const gml_gemm_args *args, const gml_gemm_batch *batch)
{
    const operand x = operand_of(which, args, batch);
    return gml_tensor_empty(&x.all) ? 0 : gml_tensor_bytes(&x.all);
}
