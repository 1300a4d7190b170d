/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cases by their calls: what a program pays between its call and the kernel (checks, descriptors, plans, wisdom), and
 * the paths that are chosen there: small products, epilogues, packing, masks.
 */
#include "bench/count.h"
#include "src/api/snapshot.h"
#include <gemmule/blas.h>
#include <string.h>

#define MOST (INT64_C(1) << 18) /* elements of an operand */

/* What a call is given. */
typedef struct call {
    const char *name;
    gml_context *context;
    float *x, *y, *z;
    double *u, *v, *w;
    float *bias;
    int64_t n; /* a size */
    gml_gemm_problem gemm;
    gml_softmax_problem softmax;
    gml_attention_problem attention;
    gml_attention_merge_problem merge;
    const gml_plan *plan;
} call;

static void open_call(call *to, const char *name)
{
    *to = (call){.name = name, .context = count_open()};
    to->x = count_floats(MOST), to->y = count_floats(MOST), to->z = count_floats(MOST);
    to->bias = count_floats(4096);
    to->u = count_doubles(MOST / 4), to->v = count_doubles(MOST / 4), to->w = count_doubles(MOST / 4);
}

/* Opens a call if its case is wanted, and closes it. */
#define CASE(call, title)                                                                                    \
    for (bool once = count_wants(title); once && (open_call(call, title), true);                             \
         once = (count_close((call)->context), false))

static void call_f32(void *argument)
{
    const call *c = argument;
    count_check(c->name, gml_gemm_f32(c->context, c->n, c->n, c->n, 1.0f, c->x, c->n, 1, c->y, c->n, 1, 0.0f,
                                      c->z, c->n, 1));
}

static void call_f64(void *argument)
{
    const call *c = argument;
    count_check(c->name, gml_gemm_f64(c->context, c->n, c->n, c->n, 1.0, c->u, c->n, 1, c->v, c->n, 1, 0.0,
                                      c->w, c->n, 1));
}

static void call_f32_columns(void *argument)
{
    const call *c = argument;
    count_check(c->name, gml_gemm_f32(c->context, c->n, c->n, c->n, 1.0f, c->x, 1, c->n, c->y, 1, c->n, 0.0f,
                                      c->z, 1, c->n));
}

static void call_sgemm(void *argument)
{
    const call *c = argument;
    const int32_t n = (int32_t)c->n;
    const float one = 1, zero = 0;
    sgemm_("N", "T", &n, &n, &n, &one, c->x, &n, c->y, &n, &zero, c->z, &n);
}

static void call_cblas(void *argument)
{
    const call *c = argument;
    const int32_t n = (int32_t)c->n;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1.0, c->u, n, c->v, n, 0.0, c->w, n);
}

static void call_gemm(void *argument)
{
    const call *c = argument;
    count_check(c->name, gml_gemm(c->context, &c->gemm));
}

static void call_plan_create(void *argument)
{
    const call *c = argument;
    gml_plan *plan;
    count_check(c->name, gml_plan_create_gemm(&plan, c->context, &c->gemm));
    gml_plan_destroy(plan);
}

static void call_plan_run(void *argument)
{
    const call *c = argument;
    count_check(c->name, gml_plan_run_gemm(c->plan, c->x, c->y, c->z));
}

static void call_pack_a(void *argument)
{
    const call *c = argument;
    gml_packed *packed;
    count_check(c->name, gml_gemm_pack_a(&packed, c->context, &c->gemm));
    gml_packed_destroy(packed);
}

static void call_pack_b(void *argument)
{
    const call *c = argument;
    gml_packed *packed;
    count_check(c->name, gml_gemm_pack_b(&packed, c->context, &c->gemm));
    gml_packed_destroy(packed);
}

static void call_softmax(void *argument)
{
    const call *c = argument;
    count_check(c->name, gml_softmax_f32(c->context, &c->softmax));
}

static void call_attention(void *argument)
{
    const call *c = argument;
    count_check(c->name, gml_attention_f32(c->context, &c->attention));
}

static void call_merge(void *argument)
{
    const call *c = argument;
    count_check(c->name, gml_attention_merge_f32(c->context, &c->merge));
}

/* Products of matrices stored by rows, B transposed where asked. */
static void set_gemm(call *c, gml_type type, int64_t m, int64_t n, int64_t k, bool transposed)
{
    c->gemm = (gml_gemm_problem)GML_GEMM_PROBLEM_INIT;
    c->gemm.type = type;
    c->gemm.m = m, c->gemm.n = n, c->gemm.k = k;
    c->gemm.a = type == GML_F32 ? (void *)c->x : (void *)c->u;
    c->gemm.b = type == GML_F32 ? (void *)c->y : (void *)c->v;
    c->gemm.c = type == GML_F32 ? (void *)c->z : (void *)c->w;
    c->gemm.rs_a = k, c->gemm.cs_a = 1;
    c->gemm.rs_b = transposed ? 1 : n, c->gemm.cs_b = transposed ? k : 1;
    c->gemm.rs_c = n, c->gemm.cs_c = 1;
}

static void set_softmax(call *c, int64_t rows, int64_t cols)
{
    c->softmax = (gml_softmax_problem)GML_SOFTMAX_PROBLEM_INIT;
    c->softmax.rows = rows, c->softmax.cols = cols;
    c->softmax.x = c->x, c->softmax.y = c->z;
    c->softmax.x_stride = c->softmax.y_stride = cols;
    c->softmax.x_batch_stride = c->softmax.y_batch_stride = rows * cols;
}

static void lay(int64_t stride[3], int64_t heads, int64_t length, int64_t dim)
{
    stride[2] = dim, stride[1] = length * dim, stride[0] = heads * length * dim;
}

static void set_attention(call *c, int64_t heads, int64_t kv_heads, int64_t q_len, int64_t kv_len,
                          int64_t dim)
{
    gml_attention_problem *p = &c->attention;
    *p = (gml_attention_problem)GML_ATTENTION_PROBLEM_INIT;
    p->batch = 1, p->heads = heads, p->kv_heads = kv_heads;
    p->q_len = q_len, p->kv_len = kv_len, p->head_dim = p->v_head_dim = dim;
    p->q = c->bias, p->k = c->x, p->v = c->y, p->o = c->z;
    if (heads * q_len * dim > 4096)
        p->q = c->x + MOST / 2;
    lay(p->q_stride, heads, q_len, dim), lay(p->o_stride, heads, q_len, dim);
    lay(p->k_stride, kv_heads, kv_len, dim), lay(p->v_stride, kv_heads, kv_len, dim);
}

/* Products so small that they need no plan, up to the first that does. */
static void count_small(void)
{
    call c;
    CASE(&c, "call/gemm_f32/4x4x4") c.n = 4, count_case(c.name, true, call_f32, &c);
    CASE(&c, "call/gemm_f32/17x17x17") c.n = 17, count_case(c.name, true, call_f32, &c);
    CASE(&c, "call/gemm_f32/64x64x64") c.n = 64, count_case(c.name, true, call_f32, &c);
    CASE(&c, "call/gemm_f32/104x104x104") c.n = 104, count_case(c.name, true, call_f32, &c);
    CASE(&c, "call/gemm_f32/columns") c.n = 16, count_case(c.name, true, call_f32_columns, &c);
    CASE(&c, "call/gemm_f64/4x4x4") c.n = 4, count_case(c.name, true, call_f64, &c);
    CASE(&c, "call/gemm_f64/64x64x64") c.n = 64, count_case(c.name, true, call_f64, &c);
    CASE(&c, "call/sgemm/4x4x4") c.n = 4, count_case(c.name, true, call_sgemm, &c);
    CASE(&c, "call/cblas_dgemm/4x4x4") c.n = 4, count_case(c.name, true, call_cblas, &c);
}

static void set_epilogue(call *c, gml_activation activation)
{
    set_gemm(c, GML_F32, 96, 96, 32, true);
    c->gemm.bias_n = c->bias, c->gemm.bias_m = c->bias + 1024;
    c->gemm.activation = activation;
}

static void count_gemm(void)
{
    call c;
    CASE(&c, "call/gemm/4x4x4")
    set_gemm(&c, GML_F32, 4, 4, 4, false), count_case(c.name, true, call_gemm, &c);
    CASE(&c, "call/gemm/NT") set_gemm(&c, GML_F32, 24, 24, 24, true), count_case(c.name, true, call_gemm, &c);
    CASE(&c, "call/gemm/m:1")
    set_gemm(&c, GML_F32, 1, 128, 1024, false), count_case(c.name, true, call_gemm, &c);
    CASE(&c, "call/gemm/relu") set_epilogue(&c, GML_ACTIVATION_RELU), count_case(c.name, true, call_gemm, &c);
    CASE(&c, "call/gemm/gelu_erf")
    set_epilogue(&c, GML_ACTIVATION_GELU_ERF), count_case(c.name, true, call_gemm, &c);
    CASE(&c, "call/gemm/gelu_tanh")
    set_epilogue(&c, GML_ACTIVATION_GELU_TANH), count_case(c.name, true, call_gemm, &c);
    CASE(&c, "call/gemm/silu") set_epilogue(&c, GML_ACTIVATION_SILU), count_case(c.name, true, call_gemm, &c);
    CASE(&c, "call/pack_a")
    set_gemm(&c, GML_F32, 192, 96, 512, false), count_case(c.name, true, call_pack_a, &c);
    CASE(&c, "call/pack_b/N")
    set_gemm(&c, GML_F32, 96, 192, 512, false), count_case(c.name, true, call_pack_b, &c);
    CASE(&c, "call/pack_b/T")
    set_gemm(&c, GML_F32, 96, 192, 512, true), count_case(c.name, true, call_pack_b, &c);
    CASE(&c, "call/pack_b/f64")
    set_gemm(&c, GML_F64, 96, 96, 512, false), count_case(c.name, true, call_pack_b, &c);
    CASE(&c, "call/pack_b/f64/T")
    set_gemm(&c, GML_F64, 96, 96, 512, true), count_case(c.name, true, call_pack_b, &c);
}

static void count_plan(void)
{
    call c;
    CASE(&c, "plan/create/small")
    set_gemm(&c, GML_F32, 4, 4, 4, false), count_case(c.name, true, call_plan_create, &c);
    CASE(&c, "plan/create")
    set_gemm(&c, GML_F32, 512, 512, 512, false), count_case(c.name, true, call_plan_create, &c);
    for (int64_t n = 4; n <= 64; n += 60)
        CASE(&c, n == 4 ? "plan/run/4x4x4" : "plan/run/64x64x64")
        {
            gml_plan *plan;
            set_gemm(&c, GML_F32, n, n, n, false);
            c.gemm.a = c.gemm.b = c.gemm.c = NULL;
            count_check(c.name, gml_plan_create_gemm(&plan, c.context, &c.gemm));
            c.plan = plan;
            count_case(c.name, true, call_plan_run, &c);
            gml_plan_destroy(plan);
        }
}

/* A context that knows some problems, and is asked for a plan: of one of them, of one near it, of another. */
static void add_wisdom(gml_context *context)
{
    static const char *const keys[] = {
        "op=gemm type=f32 layout=nn0 threads=1 m=512 n=512 k=512 batch=1",
        "op=gemm type=f32 layout=nn0 threads=1 m=1024 n=512 k=512 batch=1",
        "op=gemm type=f32 layout=nt0 threads=1 m=512 n=512 k=512 batch=1",
        "op=gemm type=f64 layout=nn0 threads=1 m=512 n=512 k=512 batch=1",
    };
    static const char choice[] = "path=panels,pack_b=yes,nc=192";
    enum { COUNT = sizeof keys / sizeof *keys };
    gml_wisdom_entry entry[COUNT];
    for (int i = 0; i < COUNT; i++) {
        entry[i] = (gml_wisdom_entry){.isa = context->runtime.set->isa,
                                      .scope = GML_SCOPE_CELL,
                                      .samples = 40,
                                      .gain = 1.5,
                                      .low = 1.25,
                                      .high = 1.75,
                                      .run = "20260101T000000Z-count"};
        if (!gml_key_read(keys[i], strlen(keys[i]), &entry[i].key) ||
            !gml_choice_read(GML_OPERATION_GEMM, choice, strlen(choice), &entry[i].choice))
            count_fail("wisdom", "an entry cannot be read");
    }
    const gml_wisdom_list list = {.entry = entry, .count = COUNT, .room = COUNT};
    if (!gml_snapshot_add(context, &list))
        count_fail("wisdom", "it could not be added");
}

static void count_wisdom(void)
{
    static const struct {
        const char *name;
        int64_t m, n, k;
        gml_plan_source source;
    } asked[] = {
        {"wisdom/measured", 512, 512, 512, GML_PLAN_MEASURED},
        {"wisdom/cell", 500, 540, 480, GML_PLAN_CELL},
        {"wisdom/unknown", 40, 700, 300, GML_PLAN_MODEL},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        call c;
        CASE(&c, asked[i].name)
        {
            gml_explanation explanation = GML_EXPLANATION_INIT;
            set_gemm(&c, GML_F32, asked[i].m, asked[i].n, asked[i].k, false);
            c.gemm.a = c.gemm.b = c.gemm.c = NULL;
            add_wisdom(c.context);
            gml_gemm_problem shown = c.gemm;
            shown.a = c.x, shown.b = c.y, shown.c = c.z;
            count_check(c.name, gml_explain_gemm(c.context, &shown, &explanation));
            if (explanation.source != (int32_t)asked[i].source)
                count_fail(c.name, "its plan comes from elsewhere");
            count_case(c.name, true, call_plan_create, &c);
        }
    }
}

static void count_softmax(void)
{
    call c;
    CASE(&c, "call/softmax/1x4") set_softmax(&c, 1, 4), count_case(c.name, true, call_softmax, &c);
    CASE(&c, "call/softmax/log")
    {
        set_softmax(&c, 32, 300);
        c.softmax.log = 1;
        count_case(c.name, true, call_softmax, &c);
    }
    CASE(&c, "call/softmax/causal")
    {
        set_softmax(&c, 64, 64);
        c.softmax.causal = GML_CAUSAL_BOTTOM_RIGHT;
        count_case(c.name, true, call_softmax, &c);
    }
    CASE(&c, "call/softmax/keep")
    {
        set_softmax(&c, 32, 300);
        c.softmax.keep = count_flags(32 * 300);
        c.softmax.keep_stride = 300;
        count_case(c.name, true, call_softmax, &c);
    }
    CASE(&c, "call/softmax/softcap")
    {
        set_softmax(&c, 32, 300);
        c.softmax.softcap = 30.0f;
        c.softmax.alibi = c.softmax.sinks = c.bias;
        count_case(c.name, true, call_softmax, &c);
    }
}

static void count_attention(void)
{
    call c;
    CASE(&c, "call/attention/1x1")
    set_attention(&c, 1, 1, 1, 1, 8), count_case(c.name, true, call_attention, &c);
    CASE(&c, "call/attention/prefill")
    {
        set_attention(&c, 2, 1, 64, 64, 64);
        c.attention.causal = GML_CAUSAL_BOTTOM_RIGHT;
        count_case(c.name, true, call_attention, &c);
    }
    CASE(&c, "call/attention/decode")
    set_attention(&c, 4, 2, 1, 500, 64), count_case(c.name, true, call_attention, &c);
    CASE(&c, "call/attention/keep")
    {
        set_attention(&c, 1, 1, 48, 256, 64);
        c.attention.keep = count_flags(48 * 256);
        c.attention.keep_stride[2] = 256, c.attention.keep_stride[3] = 1;
        count_case(c.name, true, call_attention, &c);
    }
    CASE(&c, "call/attention/decode/keep")
    {
        set_attention(&c, 4, 1, 1, 256, 64);
        c.attention.keep = count_flags(256);
        c.attention.keep_stride[3] = 1;
        count_case(c.name, true, call_attention, &c);
    }
    CASE(&c, "call/attention/scores")
    {
        set_attention(&c, 1, 1, 48, 256, 64);
        c.attention.softcap = 30.0f;
        c.attention.alibi = c.attention.sinks = c.bias;
        c.attention.causal = GML_CAUSAL_BOTTOM_RIGHT;
        count_case(c.name, true, call_attention, &c);
    }
    CASE(&c, "call/attention/documents")
    {
        static int32_t documents[256];
        for (int i = 0; i < 256; i++)
            documents[i] = i / 50;
        set_attention(&c, 1, 1, 96, 256, 64);
        c.attention.q_document = documents + 160, c.attention.kv_document = documents;
        c.attention.causal = GML_CAUSAL_BOTTOM_RIGHT;
        count_case(c.name, true, call_attention, &c);
    }
    CASE(&c, "call/attention_merge")
    {
        gml_attention_merge_problem *p = &c.merge;
        *p = (gml_attention_merge_problem)GML_ATTENTION_MERGE_PROBLEM_INIT;
        p->parts = 4, p->batch = 1, p->heads = 8, p->q_len = 4, p->v_head_dim = 64;
        p->o_parts = c.x, p->lse_parts = c.y, p->o = c.z;
        p->o_parts_stride[0] = 8 * 4 * 64, p->lse_parts_stride[0] = 8 * 4, p->lse_parts_stride[2] = 4;
        p->lse_parts_stride[1] = 8 * 4, p->lse_parts_stride[3] = 1;
        p->o_parts_stride[1] = 8 * 4 * 64, p->o_parts_stride[2] = 4 * 64, p->o_parts_stride[3] = 64;
        lay(p->o_stride, 8, 4, 64);
        count_case(c.name, true, call_merge, &c);
    }
}

/* The BLAS has the default context: what it would find out of the machine is made up as well. */
static void make_up_default(void)
{
    gml_context *made = count_open(), *standard = gml_context_default();
    standard->runtime.set = made->runtime.set;
    standard->runtime.threads = 1;
    standard->machine = standard->first.machine = made->machine;
    count_close(made);
}

void count_calls(void)
{
    make_up_default();
    count_small();
    count_gemm();
    count_plan();
    count_wisdom();
    count_softmax();
    count_attention();
}
