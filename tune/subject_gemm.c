/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Products: operands of a key one behind the other, C by rows. What is packed is packed as gml_gemm_pack_a and
 * gml_gemm_pack_b would; its panels hold any numbers, as no product asks which matrix they came from.
 */
#include "src/core/integers.h"
#include "tune/subject_parts.h"

/* Columns of C up to which A, and not B, is what passes by: few are what a program computes with its weights. */
#define FEW_COLUMNS 32

#define ELEMENTS_MOST (INT64_MAX / 64) /* beyond any memory, and below overflow when panels are rounded up */

/* Enough rows and columns for the model to see a product in the storage order of C, as for what is packed. */
#define MANY 64

/* Strides of a rows x cols matrix. Of a single row or column the other stride is still not 1: the layout shows. */
static void lay(int64_t rows, int64_t cols, bool by_column, bool strided, int64_t *rs, int64_t *cs)
{
    if (strided) {
        *rs = saturated(cols, 2), *cs = 2;
        *rs = max64(*rs, 2);
    } else if (by_column) {
        *rs = 1, *cs = max64(rows, 2);
    } else {
        *rs = cols, *cs = 1;
    }
}

static int64_t span(int64_t rows, int64_t cols, int64_t rs, int64_t cs)
{
    return rs > cs ? saturated(rows, rs) : saturated(cols, cs);
}

/* The kernel that panels are made for. */
static const gml_gemm_kernel *packing_kernel(const tune_machine *on, const gml_gemm_args *args,
                                             int32_t threads)
{
    gml_gemm_args shape = *args;
    gml_gemm_plan plan = gml_model_gemm(on->machine, on->runtime->set, &shape, 1, threads, NULL);
    if (plan.transpose) {
        shape.m = max64(shape.m, MANY), shape.n = max64(shape.n, MANY);
        plan = gml_model_gemm(on->machine, on->runtime->set, &shape, 1, threads, NULL);
    }
    return plan.kernel;
}

/* Elements of panels. */
static int64_t pack(const tune_machine *on, gml_gemm_packed *packed, const gml_gemm_args *args, bool of_b,
                    int32_t threads)
{
    const gml_kernel_set *set = on->runtime->set;
    *packed = (gml_gemm_packed){.set = set,
                                .kernels = gml_gemm_kernels_of(set, args->type),
                                .kernel = packing_kernel(on, args, threads),
                                .of_b = of_b,
                                .extent = of_b ? args->n : args->m,
                                .k = args->k};
    return (int64_t)(gml_gemm_packed_bytes(packed) / (size_t)packed->kernels->element);
}

static bool describe(const tune_machine *on, const gml_key *key, tune_problem *problem)
{
    const int64_t m = key->size[0], n = key->size[1], k = key->size[2], batch = key->size[3];
    const gml_type type = (gml_type)key->type;
    const unsigned layout = key->layout;
    if (m < 1 || n < 1 || k < 1 || batch < 1)
        return false;
    gml_gemm_args *args = &problem->gemm.args;
    *args = (gml_gemm_args){.type = type,
                            .m = m,
                            .n = n,
                            .k = k,
                            .alpha = 1.0,
                            .beta = layout & GML_LAYOUT_READS_C ? 1.0 : 0.0,
                            .a = tune_nowhere(0),
                            .b = tune_nowhere(1),
                            .c = tune_nowhere(2)};
    lay(m, k, layout & GML_LAYOUT_A_COLUMNS, layout & GML_LAYOUT_A_STRIDED, &args->rs_a, &args->cs_a);
    lay(k, n, layout & GML_LAYOUT_B_COLUMNS, layout & GML_LAYOUT_B_STRIDED, &args->rs_b, &args->cs_b);
    lay(m, n, false, layout & GML_LAYOUT_C_STRIDED, &args->rs_c, &args->cs_c);
    gml_gemm_batch *strides = &problem->gemm.batch;
    *strides = (gml_gemm_batch){.count = batch,
                                .bs_a = span(m, k, args->rs_a, args->cs_a),
                                .bs_b = span(k, n, args->rs_b, args->cs_b),
                                .bs_c = span(m, n, args->rs_c, args->cs_c)};
    int64_t of_a = saturated(strides->bs_a, batch), of_b = saturated(strides->bs_b, batch);
    problem->gemm.direct = batch > 1 && !(layout & (GML_LAYOUT_PACKED_A | GML_LAYOUT_PACKED_B)) &&
                           gml_gemm_prepare(gml_gemm_kernels_of(on->runtime->set, type), args).call;

    /* Both are made for one kernel, so that neither may be there while the other asks the model. It is not asked about
     * what is larger than any memory. */
    const bool fits = max64(max64(of_a, of_b), saturated(strides->bs_c, batch)) < ELEMENTS_MOST;
    if (layout & GML_LAYOUT_PACKED_A)
        of_a = fits ? pack(on, &problem->gemm.packed_a, args, false, key->threads) : INT64_MAX;
    if (layout & GML_LAYOUT_PACKED_B)
        of_b = fits ? pack(on, &problem->gemm.packed_b, args, true, key->threads) : INT64_MAX;
    if (layout & GML_LAYOUT_PACKED_A)
        args->packed_a = &problem->gemm.packed_a, args->a = NULL;
    if (layout & GML_LAYOUT_PACKED_B)
        args->packed_b = &problem->gemm.packed_b, args->b = NULL;

    const bool a_passes = args->packed_a || args->packed_b ? !args->packed_b : n < m && n <= FEW_COLUMNS;
    tune_add(problem, a_passes ? TUNE_STREAMED : TUNE_READ, type, of_a);
    tune_add(problem, a_passes ? TUNE_READ : TUNE_STREAMED, type, of_b);
    tune_add(problem, layout & GML_LAYOUT_READS_C ? TUNE_UPDATED : TUNE_WRITTEN, type,
             saturated(strides->bs_c, batch));
    return true;
}

static void place(tune_problem *problem, char *const address[TUNE_ARRAYS])
{
    gml_gemm_args *args = &problem->gemm.args;
    args->packed_a ? (problem->gemm.packed_a.data = address[0]) : (args->a = address[0]);
    args->packed_b ? (problem->gemm.packed_b.data = address[1]) : (args->b = address[1]);
    args->c = address[2];
}

static bool plan_of(const tune_machine *on, const tune_problem *problem, const gml_choice *choice,
                    tune_plan *plan)
{
    const gml_kernel_set *set = on->runtime->set;
    const int64_t batch = problem->gemm.batch.count;
    plan->gemm = gml_model_gemm(on->machine, set, &problem->gemm.args, batch, problem->key.threads, choice);
    if (problem->gemm.direct) {
        const int32_t grid = plan->gemm.grid_batch;
        plan->gemm = gml_model_gemm(on->machine, set, &problem->gemm.args, batch, problem->key.threads, NULL);
        plan->gemm.grid_m = plan->gemm.grid_n = 1;
        plan->gemm.grid_batch = grid;
    }
    return gml_gemm_plan_check(&plan->gemm, set, NULL, 0);
}

static bool equal(const tune_plan *one, const tune_plan *other)
{
    const gml_gemm_plan *x = &one->gemm, *y = &other->gemm;
    if (x->kernels != y->kernels || x->path != y->path || x->transpose != y->transpose || x->mc != y->mc ||
        x->nc != y->nc || x->grid_n != y->grid_n || x->grid_batch != y->grid_batch)
        return false;
    if (x->path == GML_GEMM_STREAM)
        return true;
    if (x->kernel != y->kernel || x->pack_a != y->pack_a || x->pack_b != y->pack_b || x->kc != y->kc)
        return false;
    return x->path == GML_GEMM_SPLIT || (x->stream_c == y->stream_c && x->grid_m == y->grid_m);
}

static int32_t threads_of(const tune_plan *plan)
{
    return plan->gemm.grid_m * plan->gemm.grid_n * plan->gemm.grid_batch;
}

static void run(gml_runtime *runtime, const tune_problem *problem, const tune_plan *plan)
{
    const gml_gemm_batch *batch = &problem->gemm.batch;
    gml_gemm_run(runtime, &plan->gemm, &problem->gemm.args, batch->count == 1 ? NULL : batch);
}

const tune_operation tune_gemm = {describe, place, plan_of, equal, threads_of, run};
