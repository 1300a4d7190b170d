/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the model makes of choices. A plan can be said as a choice, so what is expected of it is written as choices are.
 */
#include "src/core/attention.h"
#include "src/core/gemm.h"
#include "src/core/select.h"
#include "src/core/softmax.h"
#include "src/plan/key.h"
#include "src/plan/model.h"
#include "tests/any_choice.h"
#include "tests/suite.h"

static const gml_machine machine = {
    .l1d = {48 << 10, 1}, .l2 = {1 << 20, 1}, .l3 = {32 << 20, 8}, .cpus_online = 8, .cpus_allowed = 8};

static int32_t flag(bool yes)
{
    return yes ? GML_YES : GML_NO;
}

static gml_choice said_gemm(const gml_gemm_plan *plan, const gml_gemm_args *args)
{
    return (gml_choice){{[GML_CHOOSE_PATH] = 1 + (int32_t)plan->path,
                         [GML_CHOOSE_TRANSPOSE] = flag(plan->transpose != gml_key_transposes(args)),
                         [GML_CHOOSE_MR] = plan->kernel->mr,
                         [GML_CHOOSE_NR] = plan->kernel->nr,
                         [GML_CHOOSE_PACK_A] = flag(plan->pack_a),
                         [GML_CHOOSE_PACK_B] = flag(plan->pack_b),
                         [GML_CHOOSE_STREAM_C] = flag(plan->stream_c),
                         [GML_CHOOSE_MC] = (int32_t)plan->mc,
                         [GML_CHOOSE_KC] = (int32_t)plan->kc,
                         [GML_CHOOSE_NC] = (int32_t)plan->nc,
                         [GML_CHOOSE_THREADS] = plan->grid_m * plan->grid_n * plan->grid_batch,
                         [GML_CHOOSE_GRID_M] = plan->grid_batch > 1 ? 0 : plan->grid_m}};
}

static gml_choice said_softmax(const gml_softmax_plan *plan)
{
    return (gml_choice){{[GML_CHOOSE_SOFTMAX_ROWS] = (int32_t)plan->rows,
                         [GML_CHOOSE_SOFTMAX_SPLIT] = flag(plan->split),
                         [GML_CHOOSE_SOFTMAX_STREAM] = flag(plan->stream),
                         [GML_CHOOSE_SOFTMAX_BLOCK_ROWS] = (int32_t)plan->block_rows,
                         [GML_CHOOSE_SOFTMAX_THREADS] = plan->threads}};
}

static gml_choice said_attention(const gml_attention_plan *plan)
{
    return (gml_choice){{[GML_CHOOSE_ATTENTION_PATH] = 1 + (int32_t)plan->path,
                         [GML_CHOOSE_ATTENTION_BQ] = plan->kernel->bq,
                         [GML_CHOOSE_ATTENTION_STRIPS] = plan->strips,
                         [GML_CHOOSE_ATTENTION_PACK_K] = flag(plan->pack_k),
                         [GML_CHOOSE_ATTENTION_ROWS] = plan->rows,
                         [GML_CHOOSE_ATTENTION_SPAN] = plan->span,
                         [GML_CHOOSE_ATTENTION_SPLIT] = plan->split,
                         [GML_CHOOSE_ATTENTION_STEP] = plan->step,
                         [GML_CHOOSE_ATTENTION_THREADS] = plan->threads}};
}

/* What is said must agree with all that is expected. */
static void expect(gml_operation operation, int row, const char *choice, const gml_choice *said,
                   const char *expected)
{
    char text[GML_CHOICE_TEXT];
    const gml_choice values = read_choice(operation, expected);
    gml_choice_write(operation, said, text, sizeof text);
    for (int i = 0; i < GML_CHOICE_VALUES; i++)
        ck_assert_msg(!values.value[i] || values.value[i] == said->value[i],
                      "row %d of %s: the plan of %s is %s, not %s", row, gml_operation_name(operation),
                      choice, text, expected);
}

typedef struct gemm_row {
    int64_t m, n, k, batch;
    const char *layout; /* of A, B and C: n by rows, t by columns, s neither, p packed; then beta, 0 or 1 */
    int32_t threads;
    const char *choice, *expected;
} gemm_row;

/* Of the portable set: tiles of 8 x 8, 4 x 4 and 1 x 16. */
static const gemm_row gemm_rows[] = {
    /* As it is wished. */
    {1024, 1024, 1024, 1, "nnn0", 4, "path=stream,mc=16,nc=256,threads=3",
     "path=stream,mc=16,nc=256,threads=3"},
    {1024, 1024, 1024, 1, "nnn0", 4, "path=split,mc=64,nc=128,kc=512",
     "path=split,mc=64,nc=128,kc=512,threads=2"},
    {1024, 1024, 1024, 1, "nnn0", 4, "path=panels,transpose=yes", "path=panels,transpose=yes"},
    {1024, 1024, 1024, 1, "nnn0", 4, "transpose=no,mr=4,nr=4", "path=panels,transpose=no,mr=4,nr=4"},
    {1024, 1024, 1024, 1, "nnn0", 4, "mr=1,nr=16", "mr=1,nr=16"},
    {1024, 1024, 1024, 1, "nnn0", 4, "nr=4", "mr=4,nr=4"},
    {1024, 1024, 1024, 1, "nnn0", 4, "mr=1", "mr=1,nr=16"},
    {1024, 1024, 1024, 1, "nnn0", 4, "pack_a=yes,pack_b=yes", "pack_a=yes,pack_b=yes"},
    {1024, 1024, 1024, 1, "nnn0", 4, "pack_a=no,pack_b=no", "pack_a=no,pack_b=no"},
    {1024, 1024, 1024, 1, "nnn0", 4, "mc=64,kc=1024,nc=128", "mc=64,kc=1024,nc=128"},
    {1024, 1024, 512, 1, "nnn0", 4, "stream_c=yes", "stream_c=yes"},
    {8192, 8192, 512, 1, "nnn0", 1, "stream_c=no", "stream_c=no"},
    {8192, 8192, 512, 1, "nnn0", 1, "model", "stream_c=yes"},
    {1024, 1024, 1024, 1, "nnn0", 4, "threads=2", "threads=2"},
    {1024, 1024, 1024, 1, "nnn0", 4, "grid_m=1", "grid_m=1,threads=4"},
    {1024, 1024, 1024, 1, "nnn0", 4, "grid_m=4", "grid_m=4,threads=4"},
    {1024, 1024, 1024, 1, "nnn0", 4, "grid_m=2,threads=2", "grid_m=2,threads=2"},
    {32, 32, 32, 1, "nnn0", 4, "model", "threads=1"},
    {32, 32, 32, 1, "nnn0", 4, "threads=4", "threads=4"},
    {8, 8, 100000, 1, "nnn0", 4, "kc=2048", "path=split,kc=2048,threads=4"},
    {1, 4096, 4096, 1, "nnn0", 4, "model", "path=stream,threads=4"},
    {1, 4096, 4096, 1, "nnn0", 4, "path=panels", "path=panels,mr=1,nr=16"},
    {10000, 8, 784, 1, "nnn0", 1, "model", "path=stream,transpose=yes"},
    {10000, 16, 784, 1, "nnn0", 1, "model", "path=panels,transpose=no"},
    {16, 10000, 784, 1, "ntn0", 1, "model", "path=stream,transpose=no"},
    {4096, 1, 4096, 1, "ntn0", 4, "path=stream", "path=stream"},
    {64, 64, 64, 100, "nnn0", 4, "threads=2", "threads=2"},
    {256, 256, 256, 100, "nnn0", 4, "grid_m=2", "grid_m=2,threads=4"},

    /* At most, and cut evenly. */
    {1024, 1024, 1024, 1, "nnn0", 4, "mc=100,nc=99,grid_m=4", "mc=88,nc=96"},
    {1000, 1000, 3000, 1, "nnn0", 1, "mc=512,kc=2048,nc=700", "mc=504,kc=1536,nc=504"},
    {1024, 1024, 1024, 1, "nnn0", 4, "mc=1,nc=1,kc=1", "mc=8,nc=8,kc=512"},
    {100, 1024, 1024, 1, "nnn0", 4, "path=stream,mc=64,nc=1000", "mc=50,nc=512"},
    {1000, 1000, 1000, 1, "nnn0", 1, "path=panels,mc=16777216,kc=16777216,nc=16777216",
     "mc=1000,kc=1024,nc=1000"},
    {20, 20, 100000, 1, "nnn0", 4, "path=split,mc=16,nc=16,kc=1024", "mc=12,nc=12,kc=1024"},
    {1024, 1024, 1024, 1, "nnn0", 4, "threads=1000", "threads=4"},
    {1024, 1024, 1024, 1, "nnn0", 4, "grid_m=1000", "grid_m=4"},
    {8, 1024, 1024, 1, "nnn0", 4, "path=panels,mr=8,nr=8,grid_m=3", "grid_m=1,threads=4"},
    {1024, 8, 1024, 1, "nnn0", 4, "path=panels,mr=8,nr=8,transpose=no,grid_m=2", "grid_m=2,threads=2"},

    /* Where it cannot be, the model's. */
    {1024, 1024, 1024, 1, "nnn0", 4, "mr=7,nr=48", "mr=8,nr=8"},
    {1024, 1024, 1024, 1, "nnn0", 4, "mr=8,nr=4", "mr=8,nr=8"},
    {1024, 1024, 1024, 1, "ntn0", 4, "pack_b=no", "pack_b=yes"},
    {1024, 1024, 1024, 1, "nsn0", 4, "pack_b=no", "pack_b=yes"},
    {1024, 1024, 1024, 1, "nnn0", 4, "transpose=yes,pack_b=no", "transpose=yes,pack_b=yes"},
    {1024, 1024, 1024, 1, "ttn0", 4, "transpose=yes,pack_b=no", "transpose=yes,pack_b=no"},
    {1024, 1024, 1024, 1, "nnn0", 4, "stream_c=yes", "stream_c=no"},
    {1024, 1024, 512, 1, "nnn1", 4, "stream_c=yes", "stream_c=no"},
    {1024, 1023, 512, 1, "nnn0", 4, "stream_c=yes", "stream_c=no"},
    {1024, 1024, 512, 1, "nns0", 4, "stream_c=yes", "stream_c=no"},
    {1024, 1024, 1024, 1, "nnn0", 4, "path=stream,pack_a=yes,pack_b=yes,stream_c=yes,grid_m=2",
     "pack_a=no,pack_b=no,stream_c=no,grid_m=1"},

    /* A packed operand decides tile and orientation: these are packed for 8 x 8, transposed. */
    {1024, 1024, 1024, 1, "npn0", 4, "transpose=yes,mr=4,nr=4,pack_a=yes,pack_b=yes",
     "transpose=no,mr=8,nr=8,pack_a=no,pack_b=yes"},
    {1024, 1024, 1024, 1, "pnn0", 4, "transpose=yes,mr=4,nr=4,pack_a=yes,pack_b=yes",
     "transpose=no,mr=8,nr=8,pack_a=yes,pack_b=no"},
    {1, 4096, 4096, 1, "npn0", 4, "model", "path=panels"},
    {1, 4096, 4096, 1, "npn0", 4, "path=stream", "path=stream"},

    /* A C by columns is its transpose by rows. */
    {512, 1024, 1024, 1, "nnt0", 4, "transpose=no", "transpose=no"},
    {512, 1024, 1024, 1, "nnt0", 4, "transpose=yes", "transpose=yes"},
    {512, 1024, 1024, 1, "nnt0", 4, "model", "transpose=no"},
    {1024, 64, 1024, 1, "ntn0", 4, "path=stream", "transpose=yes"},
    {64, 1024, 1024, 1, "ntn0", 4, "path=stream", "transpose=no"},
};

static void set_strides(char layout, int64_t rows, int64_t cols, int64_t *rs, int64_t *cs)
{
    *rs = layout == 't' ? 1 : layout == 's' ? 2 * cols : cols;
    *cs = layout == 't' ? rows : layout == 's' ? 2 : 1;
}

/* The portable tile of 8 x 8, transposed, is what an operand is packed for. */
static gml_gemm_packed packed_operand(const gemm_row *row)
{
    const gml_kernel_set *set = gml_set_by_name("ref");
    const bool of_b = row->layout[1] == 'p';
    return (gml_gemm_packed){.set = set,
                             .kernels = set->gemm_f32,
                             .kernel = set->gemm_f32->tiles,
                             .transpose = true,
                             .of_b = of_b,
                             .extent = of_b ? row->n : row->m,
                             .k = row->k};
}

static gml_gemm_args gemm_args(const gemm_row *row, const gml_gemm_packed *packed)
{
    gml_gemm_args args = {.type = GML_F32, .m = row->m, .n = row->n, .k = row->k, .alpha = 1.0};
    args.beta = row->layout[3] - '0';
    set_strides(row->layout[0], row->m, row->k, &args.rs_a, &args.cs_a);
    set_strides(row->layout[1], row->k, row->n, &args.rs_b, &args.cs_b);
    set_strides(row->layout[2], row->m, row->n, &args.rs_c, &args.cs_c);
    args.packed_a = row->layout[0] == 'p' ? packed : NULL;
    args.packed_b = row->layout[1] == 'p' ? packed : NULL;
    return args;
}

static gml_choice gemm_said(const gemm_row *row, const gml_choice *choice)
{
    const gml_kernel_set *set = gml_set_by_name("ref");
    const gml_gemm_packed packed = packed_operand(row);
    const gml_gemm_args args = gemm_args(row, &packed);
    const gml_gemm_plan plan = gml_model_gemm(&machine, set, &args, row->batch, row->threads, choice);
    ck_assert(gml_gemm_plan_check(&plan, set, NULL, 0));
    return said_gemm(&plan, &args);
}

static gemm_row any_product(proof_random *random)
{
    static const char *const layouts[] = {"nnn0", "ntn0", "tnn1", "ttt0", "nst0", "snn0", "nns1", "nnt1"};
    return (gemm_row){.m = proof_log_between(random, 1, 5000),
                      .n = proof_log_between(random, 1, 5000),
                      .k = proof_log_between(random, 1, 20000),
                      .batch = proof_once_in(random, 3) ? proof_between(random, 1, 40) : 1,
                      .layout = layouts[proof_below(random, 8)],
                      .threads = (int32_t)proof_between(random, 1, 9)};
}

START_TEST(wishes_for_gemm)
{
    for (size_t i = 0; i < sizeof gemm_rows / sizeof *gemm_rows; i++) {
        const gemm_row *row = &gemm_rows[i];
        const gml_choice choice = read_choice(GML_OPERATION_GEMM, row->choice);
        const gml_choice said = gemm_said(row, &choice);
        expect(GML_OPERATION_GEMM, (int)i, row->choice, &said, row->expected);
    }
}
END_TEST

typedef struct softmax_row {
    int64_t rows, cols;
    bool in_place, by_columns;
    const char *choice, *expected;
} softmax_row;

static const softmax_row softmax_rows[] = {
    {1000, 1000, false, false, "rows=7,stream=yes,threads=3", "rows=7,split=no,stream=yes,threads=3"},
    {1000, 1000, true, false, "stream=yes", "stream=yes"},
    {1000, 100000, false, false, "model", "stream=yes,block_rows=1"},
    {1000, 100000, false, false, "stream=no", "stream=no"},
    {1000, 100000, true, false, "model", "stream=yes"},
    {500000, 200, true, false, "model", "stream=no"},
    {500000, 200, false, false, "model", "stream=yes"},
    {1000, 100000, false, false, "split=yes", "split=yes,threads=4"},
    {2, 100000, false, false, "model", "split=yes,threads=4"},
    {2, 100000, false, false, "split=no,rows=1", "split=no,threads=2"},
    {10, 10, false, false, "model", "threads=1"},
    {10, 10, false, false, "threads=2,rows=5", "threads=2"},
    {10, 10, false, false, "threads=8,rows=5", "threads=2"},
    {1000, 1000, false, true, "block_rows=48,rows=96,threads=2", "block_rows=48,rows=96,threads=2"},
    {1000, 1000, false, true, "model", "block_rows=64"},
    /* Where it cannot be. */
    {2, 1000, false, false, "split=yes", "split=no"},
    {1000, 1000, false, true, "split=yes,stream=yes", "split=no,stream=no"},
};

START_TEST(wishes_for_softmax)
{
    static float x, y;
    for (size_t i = 0; i < sizeof softmax_rows / sizeof *softmax_rows; i++) {
        const softmax_row *row = &softmax_rows[i];
        gml_softmax_problem p = GML_SOFTMAX_PROBLEM_INIT;
        p.batch = 1, p.rows = row->rows, p.cols = row->cols;
        p.x = &x, p.y = row->in_place ? &x : &y;
        p.x_stride = p.y_stride = row->by_columns ? 1 : row->cols;
        p.x_col_stride = p.y_col_stride = row->by_columns ? row->rows : 1;
        p = gml_softmax_resolve(&p);
        const gml_choice choice = read_choice(GML_OPERATION_SOFTMAX, row->choice);
        const gml_softmax_plan plan = gml_model_softmax(&machine, &p, 4, &choice);
        const gml_choice said = said_softmax(&plan);
        expect(GML_OPERATION_SOFTMAX, (int)i, row->choice, &said, row->expected);
    }
}
END_TEST

typedef struct attention_row {
    int64_t batch, heads, kv_heads, q_len, kv_len, head_dim;
    const char *layout; /* w: weights, k: K by columns, m: keep */
    const char *choice, *expected;
} attention_row;

/* Of the portable set: strips of 8 and 4. */
static const attention_row attention_rows[] = {
    {1, 8, 8, 512, 512, 64, "", "model", "path=tiles"},
    {1, 8, 8, 512, 512, 64, "", "bq=4,strips=3,threads=2", "path=tiles,bq=4,strips=3,threads=2"},
    {1, 8, 8, 512, 512, 64, "", "bq=8,strips=16,pack_k=yes", "bq=8,strips=16,pack_k=yes"},
    {1, 8, 8, 512, 512, 64, "", "path=blocks,rows=128,step=64", "path=blocks,rows=128,step=64,threads=4"},
    {1, 8, 8, 512, 512, 64, "", "path=blocks,rows=200,step=4096", "path=blocks,rows=171,step=4096"},
    {1, 8, 8, 512, 512, 64, "m", "path=blocks", "path=blocks"},
    {1, 8, 8, 512, 512, 64, "", "path=few,rows=16,span=7", "path=few,rows=16,span=7,split=1"},
    {1, 8, 8, 20, 512, 64, "", "path=few", "path=few,rows=10"},
    {1, 8, 8, 512, 512, 64, "", "path=few,rows=4096,span=64", "rows=16,span=64"},
    {1, 8, 8, 1, 4096, 64, "", "model", "path=few,rows=1,span=64,split=1,threads=4"},
    {1, 8, 8, 1, 4096, 64, "", "threads=2", "threads=2"},
    {1, 16, 1, 1, 4096, 64, "", "model", "path=few,rows=16"},
    {1, 17, 1, 1, 4096, 64, "", "model", "path=tiles"},
    {1, 8, 8, 1, 4096, 64, "", "path=tiles,bq=4", "path=tiles,bq=4"},
    {1, 8, 8, 1, 4096, 64, "", "path=blocks", "path=blocks,rows=1"},
    {1, 1, 1, 1, 65536, 64, "", "model", "path=few,split=4,threads=4"},
    {1, 1, 1, 1, 65536, 64, "", "split=2", "split=2,threads=4"},
    {1, 1, 1, 1, 65536, 64, "", "split=1", "split=1,threads=1"},
    {1, 1, 1, 1, 65536, 64, "", "split=1000", "split=4"},
    {1, 1, 1, 1, 200, 64, "", "split=4,threads=4", "split=2"},
    {1, 1, 1, 2, 16, 16, "", "path=tiles,threads=4", "threads=1"},
    /* Where it cannot be. */
    {1, 8, 8, 512, 512, 64, "", "bq=48", "bq=8"},
    {1, 8, 8, 512, 512, 64, "k", "pack_k=no", "pack_k=yes"},
    {1, 8, 8, 1, 512, 64, "w", "path=few", "path=tiles"},
    {1, 8, 8, 512, 512, 64, "w", "path=blocks", "path=tiles"},
    {1, 8, 8, 512, 512, 513, "", "path=blocks", "path=tiles"},
    {1, 8, 8, 512, 512, 512, "", "path=blocks", "path=blocks"},
    {1, 1, 1, 4096, 512, 512, "", "path=blocks,rows=4096,step=192", "path=blocks,rows=1024"},
    {1, 8, 8, 512, 512, 16384, "", "path=tiles,strips=16", "strips=7"},
};

static gml_attention_problem attention_problem(const attention_row *row)
{
    static float element;
    static const uint8_t keep;
    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    p.batch = row->batch, p.heads = row->heads, p.kv_heads = row->kv_heads;
    p.q_len = row->q_len, p.kv_len = row->kv_len;
    p.head_dim = p.v_head_dim = row->head_dim;
    p.weights = strchr(row->layout, 'w') ? &element : NULL;
    p.k_dim_stride = strchr(row->layout, 'k') ? row->kv_len : 1;
    p.keep = strchr(row->layout, 'm') ? &keep : NULL;
    return p;
}

START_TEST(wishes_for_attention)
{
    const gml_kernel_set *set = gml_set_by_name("ref");
    for (size_t i = 0; i < sizeof attention_rows / sizeof *attention_rows; i++) {
        const attention_row *row = &attention_rows[i];
        const gml_attention_problem p = attention_problem(row);
        const gml_choice choice = read_choice(GML_OPERATION_ATTENTION, row->choice);
        const gml_attention_plan plan = gml_model_attention(&machine, set, &p, 4, &choice);
        const gml_choice said = said_attention(&plan);
        expect(GML_OPERATION_ATTENTION, (int)i, row->choice, &said, row->expected);
        ck_assert(gml_attention_plan_check(&plan, set, p.head_dim, p.v_head_dim, NULL, 0));
    }
}
END_TEST

/* Tables are there whatever the processor has. */
START_TEST(few_slices_of_b_are_even)
{
    const gml_kernel_set *set = gml_set_by_name("avx512");
    static const int64_t sizes[][2] = {{64, 64}, {192, 48}, {256, 64}, {512, 48}};
    for (int i = 0; set && i < 4; i++)
        ck_assert_int_eq(gml_model_tile(set->gemm_f32, sizes[i][0], sizes[i][0])->nr, sizes[i][1]);
}
END_TEST

/* Where C is updated beyond the caches, or B comes from there to few rows, and there is little to compute. */
START_TEST(what_passes_by_has_long_rows)
{
    const gml_kernel_set *set = gml_set_by_name("avx512");
    static const gemm_row rows[] = {
        {3000, 3000, 16, 1, "nnn1", 1, "model", "nr=64"}, {3000, 3000, 31, 1, "nnn1", 1, "model", "nr=64"},
        {3000, 3000, 32, 1, "nnn1", 1, "model", "nr=48"}, {3000, 3000, 16, 1, "nnn0", 1, "model", "nr=48"},
        {3000, 3000, 16, 1, "ntn1", 1, "model", "nr=48"}, {1000, 3000, 16, 1, "nnn1", 1, "model", "nr=48"},
        {24, 50176, 27, 1, "nnn0", 1, "model", "nr=64"},  {40, 50400, 27, 1, "nnn0", 1, "model", "nr=48"},
        {24, 12528, 16, 1, "nnn0", 1, "model", "nr=48"},
    };
    for (size_t i = 0; set && i < sizeof rows / sizeof *rows; i++) {
        const gml_gemm_args args = gemm_args(&rows[i], NULL);
        const gml_gemm_plan plan = gml_model_gemm(&machine, set, &args, 1, 1, NULL);
        const gml_choice expected = read_choice(GML_OPERATION_GEMM, rows[i].expected);
        ck_assert_msg(plan.kernel->nr == expected.value[GML_CHOOSE_NR], "row %d: %d", (int)i,
                      plan.kernel->nr);
    }
}
END_TEST

/* A plan, said as a choice, is wished for: it is the same plan, or one whose blocks are cut evenly, and then the same. */
START_TEST(plans_said_as_choices_are_themselves)
{
    proof_random random = proof_random_seeded(3, 1);
    for (int i = 0; i < 20000; i++) {
        const gemm_row row = any_product(&random);
        const gml_choice choice = any_choice(GML_OPERATION_GEMM, &random);
        const gml_choice first = gemm_said(&row, &choice), second = gemm_said(&row, &first);
        const gml_choice third = gemm_said(&row, &second);
        for (int v = 0; v < GML_CHOICE_VALUES; v++)
            ck_assert_int_eq(second.value[v], third.value[v]);
        for (int v = 0; v < GML_CHOICE_VALUES; v++)
            if (v == GML_CHOOSE_MC || v == GML_CHOOSE_KC || v == GML_CHOOSE_NC || v == GML_CHOOSE_THREADS)
                ck_assert_int_le(second.value[v], first.value[v]);
            else
                ck_assert_int_eq(second.value[v], first.value[v]);
    }
}
END_TEST

/* The transpose of a product is the same product: whichever of both a caller asks for, a choice makes one of it. */
START_TEST(both_views_of_a_product_are_executed_alike)
{
    const gml_kernel_set *set = gml_set_by_name("ref");
    proof_random random = proof_random_seeded(4, 1);
    for (int i = 0; i < 20000; i++) {
        const gemm_row row = any_product(&random);
        const gml_choice choice = any_choice(GML_OPERATION_GEMM, &random);
        const gml_gemm_args args = gemm_args(&row, NULL), other = gml_gemm_transposed(&args);
        if (row.m == 1 || row.n == 1 || row.layout[2] == 's') /* the model itself has two plans for these */
            continue;
        ck_assert_int_ne(gml_key_transposes(&args), gml_key_transposes(&other));
        gml_gemm_plan x = gml_model_gemm(&machine, set, &args, row.batch, row.threads, &choice);
        gml_gemm_plan y = gml_model_gemm(&machine, set, &other, row.batch, row.threads, &choice);
        const gml_choice said_x = said_gemm(&x, &args), said_y = said_gemm(&y, &other);
        char text[2][GML_CHOICE_TEXT];
        gml_choice_write(GML_OPERATION_GEMM, &said_x, text[0], GML_CHOICE_TEXT);
        gml_choice_write(GML_OPERATION_GEMM, &said_y, text[1], GML_CHOICE_TEXT);
        ck_assert_msg(gml_choice_compare(&said_x, &said_y) == 0, "%lld x %lld x %lld, %s: %s, but %s",
                      (long long)row.m, (long long)row.n, (long long)row.k, row.layout, text[0], text[1]);
    }
}
END_TEST

/* No choice, and a choice of nothing, are the same; and so is one of values that none has. */
START_TEST(nothing_chosen_is_the_models_plan)
{
    static const gml_choice nothing, negative = {{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1}};
    for (size_t i = 0; i < sizeof gemm_rows / sizeof *gemm_rows; i++) {
        const gml_choice said[] = {gemm_said(&gemm_rows[i], NULL), gemm_said(&gemm_rows[i], &nothing),
                                   gemm_said(&gemm_rows[i], &negative)};
        ck_assert_int_eq(gml_choice_compare(&said[0], &said[1]), 0);
        ck_assert_int_eq(gml_choice_compare(&said[0], &said[2]), 0);
    }
}
END_TEST

/* Extents beyond all memory, caches that are not there or absurd, and choices of any values in range: plans are legal,
 * unless head_dim alone is too large. */
START_TEST(plans_of_any_choice_are_legal)
{
    static const int64_t caches[] = {0, 64 << 10, 1 << 20, 64 << 20};
    static float x[2];
    proof_random random = proof_random_seeded(5, 1);
    char why[200] = "";
    for (int i = 0; i < 30000; i++) {
        const gml_kernel_set *set = i % 2 ? gml_set_by_name("ref") : gml_sets()[0];
        const int64_t cache = caches[proof_below(&random, 4)];
        const gml_machine any = {
            .l1d = {cache / 16, 1}, .l2 = {cache, 1}, .l3 = {4 * cache, 0}, .cpus_allowed = 64};
        gemm_row row = any_product(&random);
        row.m = proof_log_between(&random, 1, INT64_C(1) << 30);
        row.n = proof_log_between(&random, 1, INT64_C(1) << 30);
        row.k = proof_log_between(&random, 1, INT64_C(1) << 40);
        row.threads = (int32_t)proof_log_between(&random, 1, 1024);
        gml_gemm_args args = gemm_args(&row, NULL);
        args.type = i % 3 ? GML_F32 : GML_F64;
        gml_choice choice = any_choice(GML_OPERATION_GEMM, &random);
        const gml_gemm_plan gemm = gml_model_gemm(&any, set, &args, row.batch, row.threads, &choice);
        ck_assert_msg(gml_gemm_plan_check(&gemm, set, why, sizeof why), "%s", why);

        gml_softmax_problem s = GML_SOFTMAX_PROBLEM_INIT;
        s.batch = row.batch, s.rows = row.m, s.cols = row.n, s.x = x, s.y = x + i % 2;
        s.x_stride = s.y_stride = i % 3 ? s.cols : 1;
        s.x_col_stride = s.y_col_stride = i % 3 ? 1 : s.rows;
        choice = any_choice(GML_OPERATION_SOFTMAX, &random);
        const gml_softmax_plan softmax = gml_model_softmax(&any, &s, row.threads, &choice);
        ck_assert_msg(gml_softmax_plan_check(&softmax, why, sizeof why), "%s", why);

        const int64_t kv_heads = proof_log_between(&random, 1, 100);
        const attention_row shape = {.batch = row.batch,
                                     .heads = kv_heads * proof_log_between(&random, 1, 100),
                                     .kv_heads = kv_heads,
                                     .q_len = proof_log_between(&random, 1, 1 << 20),
                                     .kv_len = proof_log_between(&random, 0, 1 << 30),
                                     .head_dim = proof_log_between(&random, 1, 2000),
                                     .layout = i % 5 ? "" : "wk"};
        const gml_attention_problem a = attention_problem(&shape);
        choice = any_choice(GML_OPERATION_ATTENTION, &random);
        const gml_attention_plan attention = gml_model_attention(&any, set, &a, row.threads, &choice);
        ck_assert_msg(gml_attention_plan_check(&attention, set, a.head_dim, a.v_head_dim, why, sizeof why),
                      "%s", why);
    }
}
END_TEST

int main(void)
{
    return suite_run(
        "model", 60,
        (const TTest *const[]){nothing_chosen_is_the_models_plan, plans_said_as_choices_are_themselves,
                               both_views_of_a_product_are_executed_alike, plans_of_any_choice_are_legal,
                               wishes_for_gemm, wishes_for_softmax, wishes_for_attention,
                               few_slices_of_b_are_even, what_passes_by_has_long_rows, NULL});
}
