/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The layer of the demo. Nothing is copied or transposed on the way: W^T is W with its strides exchanged, the
 * heads lie side by side in the rows of the projections, and the mask of the keys is broadcast over heads and
 * queries by strides of 0.
 */
#include "cli/layer.h"
#include "cli/cli.h"
#include "proof/spec/spec.h"
#include <gemmule/attention.h>
#include <gemmule/gemm.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads one file and holds it to a type and a shape; an extent of -1 may be anything positive. */
static bool read_array(const char *directory, const char *name, npy_type type, int dims, const int64_t *shape,
                       npy_array *array, char *why, size_t size)
{
    char path[4096], found[96], wanted[96];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, name) >= sizeof path) {
        snprintf(why, size, "the name of the directory is too long");
        return false;
    }
    if (!npy_read(path, array, why, size))
        return false;
    bool fits = array->type == type && array->dims == dims && array->count > 0;
    for (int i = 0; fits && i < dims; i++)
        fits = shape[i] == -1 || array->shape[i] == shape[i];
    if (!fits)
        snprintf(why, size, "%s: holds %s, %s; must be %s, %s (-1: any)", path, npy_type_name(array->type),
                 npy_shape_text(array->dims, array->shape, found, sizeof found), npy_type_name(type),
                 npy_shape_text(dims, shape, wanted, sizeof wanted));
    return fits;
}

/* The number of heads is a fact of the model that only the shape of q.npy states. */
static bool read_heads(layer *of, const char *directory, char *why, size_t size)
{
    npy_array q = {0};
    const bool read =
        read_array(directory, "q.npy", NPY_F32, 4, (int64_t[]){of->batch, -1, of->tokens, -1}, &q, why, size);
    if (read) {
        of->heads = q.shape[1];
        of->head_dim = q.shape[3];
    }
    npy_free(&q);
    if (read && of->heads * of->head_dim != of->hidden) {
        snprintf(why, size, "%s/q.npy: %lld heads of %lld do not make the %lld columns of input.npy",
                 directory, (long long)of->heads, (long long)of->head_dim, (long long)of->hidden);
        return false;
    }
    return read;
}

bool layer_load(layer *of, const char *directory, char *why, size_t size)
{
    static const char *const weights[] = {"w_q.npy", "w_k.npy", "w_v.npy"};
    static const char *const biases[] = {"b_q.npy", "b_k.npy", "b_v.npy"};
    *of = (layer){0};
    if (!read_array(directory, "input.npy", NPY_F32, 3, (int64_t[]){-1, -1, -1}, &of->input, why, size))
        return false;
    of->batch = of->input.shape[0];
    of->tokens = of->input.shape[1];
    of->hidden = of->input.shape[2];
    if (!read_heads(of, directory, why, size) ||
        !read_array(directory, "mask.npy", NPY_U8, 2, of->input.shape, &of->mask, why, size) ||
        !read_array(directory, "attention.npy", NPY_F64, 3, of->input.shape, &of->golden, why, size))
        return false;
    for (int i = 0; i < 3; i++)
        if (!read_array(directory, weights[i], NPY_F32, 2, (int64_t[]){of->hidden, of->hidden},
                        &of->weight[i], why, size) ||
            !read_array(directory, biases[i], NPY_F32, 1, (int64_t[]){of->hidden}, &of->bias[i], why, size))
            return false;
    return true;
}

void layer_free(layer *of)
{
    npy_free(&of->input);
    npy_free(&of->mask);
    npy_free(&of->golden);
    for (int i = 0; i < 3; i++) {
        npy_free(&of->weight[i]);
        npy_free(&of->bias[i]);
    }
}

int64_t layer_count(const layer *of)
{
    return of->batch * of->tokens * of->hidden;
}

double layer_operations(const layer *of)
{
    const double rows = (double)(of->batch * of->tokens), hidden = (double)of->hidden;
    return 3.0 * 2.0 * rows * hidden * hidden + 2.0 * 2.0 * rows * (double)of->tokens * hidden;
}

int64_t layer_valid(const layer *of, int64_t sequence)
{
    const uint8_t *mask = (const uint8_t *)of->mask.data + sequence * of->tokens;
    int64_t valid = 0;
    for (int64_t i = 0; i < of->tokens; i++)
        valid += mask[i] != 0;
    return valid;
}

layer_result layer_result_new(const layer *of)
{
    layer_result result;
    for (int i = 0; i < 3; i++)
        result.projected[i] = cli_allocate((size_t)layer_count(of), sizeof(float));
    result.output = cli_allocate((size_t)layer_count(of), sizeof(float));
    return result;
}

void layer_result_free(layer_result *result)
{
    for (int i = 0; i < 3; i++)
        free(result->projected[i]);
    free(result->output);
}

/* Each row of a projection starts as the bias, to which the product is then added with beta = 1. */
static void start_with_bias(const layer *of, int which, float *y)
{
    for (int64_t row = 0; row < of->batch * of->tokens; row++)
        memcpy(y + row * of->hidden, of->bias[which].data, (size_t)of->hidden * sizeof(float));
}

static gml_attention_problem attention_of(const layer *of, const layer_result *to)
{
    gml_attention_problem problem = GML_ATTENTION_PROBLEM_INIT;
    const int64_t stride[3] = {of->tokens * of->hidden, of->head_dim, of->hidden};
    problem.batch = of->batch;
    problem.heads = problem.kv_heads = of->heads;
    problem.q_len = problem.kv_len = of->tokens;
    problem.head_dim = problem.v_head_dim = of->head_dim;
    problem.q = to->projected[0];
    problem.k = to->projected[1];
    problem.v = to->projected[2];
    problem.o = to->output;
    memcpy(problem.q_stride, stride, sizeof stride);
    memcpy(problem.k_stride, stride, sizeof stride);
    memcpy(problem.v_stride, stride, sizeof stride);
    memcpy(problem.o_stride, stride, sizeof stride);
    problem.keep = of->mask.data;
    problem.keep_stride[0] = of->tokens;
    problem.keep_stride[3] = 1;
    return problem;
}

gml_status layer_run(const layer *of, gml_context *context, layer_result *to)
{
    const int64_t rows = of->batch * of->tokens, hidden = of->hidden;
    for (int i = 0; i < 3; i++) {
        start_with_bias(of, i, to->projected[i]);
        const gml_status status =
            gml_gemm_f32(context, rows, hidden, hidden, 1.0f, of->input.data, hidden, 1, of->weight[i].data,
                         1, hidden, 1.0f, to->projected[i], hidden, 1);
        if (status != GML_OK)
            return status;
    }
    const gml_attention_problem problem = attention_of(of, to);
    return gml_attention_f32(context, &problem);
}

void layer_specify(const layer *of, layer_result *to)
{
    const int64_t rows = of->batch * of->tokens, hidden = of->hidden;
    for (int i = 0; i < 3; i++) {
        start_with_bias(of, i, to->projected[i]);
        spec_gemm_f32(rows, hidden, hidden, 1.0f, of->input.data, hidden, 1, of->weight[i].data, 1, hidden,
                      1.0f, to->projected[i], hidden, 1);
    }
    const gml_attention_problem problem = attention_of(of, to);
    spec_attention_f32(&problem);
}

layer_error layer_compare(const layer *of, const layer_result *result)
{
    const double *golden = of->golden.data;
    const uint8_t *mask = of->mask.data;
    layer_error error = {0.0, 0.0};
    for (int64_t i = 0; i < layer_count(of); i++) {
        const double difference = fabs((double)result->output[i] - golden[i]);
        /* Written so that a NaN is the largest error there is. */
        if (!(difference <= error.all))
            error.all = isnan(difference) ? INFINITY : difference;
        if (mask[i / of->hidden] && !(difference <= error.valid))
            error.valid = isnan(difference) ? INFINITY : difference;
    }
    return error;
}
