/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lines of traces. Each is composed in memory and written by one call of write, so that the lines of threads and
 * processes do not mix; what cannot be written is lost. errno stays as the caller left it.
 */
#include "src/api/trace.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct line {
    char text[1024]; /* twice the longest */
    size_t length;
} line;

int64_t gml_trace_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + 1;
}

static void add(line *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(line *to, const char *format, ...)
{
    const size_t room = sizeof to->text - to->length;
    va_list list;
    va_start(list, format);
    const int length = vsnprintf(to->text + to->length, room, format, list);
    va_end(list);
    if (length > 0)
        to->length += (size_t)length < room ? (size_t)length : room - 1;
}

/* A key and a number, with a point whatever the locale has. */
static void add_real(line *to, const char *key, const char *format, double value)
{
    char text[32];
    snprintf(text, sizeof text, format, value);
    const size_t whole = strspn(text, "0123456789+-einfa"), rest = strcspn(text + whole, "0123456789");
    add(to, " %s=%.*s%s%s", key, (int)whole, text, rest ? "." : "", text + whole + rest);
}

/* What begins each line. Characters of a label that would end a value become '_'. */
static void begin_line(line *to, const char *function, const char *label)
{
    char safe[GML_TRACE_LABEL];
    size_t length = 0;
    for (; label && label[length] && length < sizeof safe - 1; length++) {
        const unsigned char c = (unsigned char)label[length];
        safe[length] = (char)(c <= ' ' || c == 0x7f ? '_' : c);
    }
    safe[length] = '\0';
    to->length = 0;
    add(to, "gemmule: call=%s label=%s", function, length ? safe : "-");
}

static void write_line(line *to)
{
    const int error = errno;
    add(to, "\n");
    if (write(STDERR_FILENO, to->text, to->length) < 0)
        errno = error; /* nobody is there to be told */
}

/* What ends it: the time, and the rate of an operation with so many of fused multiply-adds, or 0. */
static void end_line(line *to, const gml_context *context, int32_t threads, int64_t begin, double products)
{
    const int64_t nanoseconds = gml_trace_clock() - begin;
    add(to, " isa=%s threads=%d", context->runtime.set->isa, threads);
    add_real(to, "us", "%.3f", (double)nanoseconds * 1e-3);
    add_real(to, "gflops", "%.1f", nanoseconds > 0 ? 2.0 * products / (double)nanoseconds : 0.0);
    write_line(to);
}

static void add_source(line *to, bool planned, gml_source source)
{
    if (planned)
        add(to, " plan=%s", gml_source_name(source));
}

static const char *activation_name(int32_t activation)
{
    static const char *const names[] = {"none", "relu", "gelu_erf", "gelu_tanh", "silu"};
    return names[activation];
}

const char *gml_trace_kernel(char text[GML_TRACE_KERNEL], const gml_kernel_set *set,
                             const gml_gemm_args *args, const gml_gemm_plan *plan)
{
    if (plan->path != GML_GEMM_STREAM)
        return plan->kernel->name;
    const int64_t along_n = plan->transpose ? args->rs_a : args->cs_b;
    snprintf(text, GML_TRACE_KERNEL, "gemm_%s_%s_%s", along_n == 1 ? "rows" : "dots", plan->kernels->type,
             set->isa);
    return text;
}

static const char *path_of(const gml_gemm_args *args, bool small, const gml_gemm_plan *plan)
{
    if (small)
        return "small";
    if (plan)
        return gml_gemm_path_name(plan->path);
    return args->k == 0 || args->alpha == 0.0 ? "scale" : "plain";
}

void gml_trace_gemm(const gml_context *context, const char *function, const char *label,
                    const gml_gemm_args *args, const gml_gemm_batch *batch, bool small,
                    const gml_gemm_plan *plan, gml_source source, int64_t begin)
{
    static const char *const which[] = {"none", "a", "b", "ab"};
    const bool a_list = batch->a_list, b_list = batch->b_list, c_list = batch->c_list;
    line to;
    begin_line(&to, function, label);
    add(&to, " type=%s m=%" PRId64 " n=%" PRId64 " k=%" PRId64 " batch=%" PRId64,
        gml_gemm_kernels_of(context->runtime.set, args->type)->type, args->m, args->n, args->k, batch->count);
    add(&to,
        " rs_a=%" PRId64 " cs_a=%" PRId64 " rs_b=%" PRId64 " cs_b=%" PRId64 " rs_c=%" PRId64 " cs_c=%" PRId64,
        args->rs_a, args->cs_a, args->rs_b, args->cs_b, args->rs_c, args->cs_c);
    add(&to, " bs_a=%" PRId64 " bs_b=%" PRId64 " bs_c=%" PRId64 " lists=%s%s%s%s", batch->bs_a, batch->bs_b,
        batch->bs_c, a_list ? "a" : "", b_list ? "b" : "", c_list ? "c" : "",
        a_list || b_list || c_list ? "" : "none");
    add_real(&to, "alpha", "%.9g", args->alpha);
    add_real(&to, "beta", "%.9g", args->beta);
    add(&to, " packed=%s bias=%s activation=%s",
        which[(args->packed_a != NULL) + 2 * (args->packed_b != NULL)],
        args->epilogue.bias_m ? (args->epilogue.bias_n ? "mn" : "m") : (args->epilogue.bias_n ? "n" : "none"),
        activation_name(args->epilogue.activation));
    const gml_kernel_set *set = context->runtime.set;
    char name[GML_TRACE_KERNEL];
    const char *kernel = plan    ? gml_trace_kernel(name, set, args, plan)
                         : small ? gml_gemm_small_kernel(set, args)->name
                                 : "-";
    add(&to, " path=%s kernel=%s", path_of(args, small, plan), kernel);
    add_source(&to, plan != NULL, source);
    end_line(&to, context, plan ? plan->grid_m * plan->grid_n * plan->grid_batch : 1, begin,
             (double)batch->count * (double)args->m * (double)args->n *
                 (args->alpha == 0.0 ? 0.0 : (double)args->k));
}

/* What a problem has in use besides its operands: a name and 0 or 1 for each. */
typedef struct option {
    const char *name;
    bool used;
} option;

static void add_options(line *to, const option *options)
{
    for (; options->name; options++)
        add(to, " %s=%d", options->name, options->used);
}

void gml_trace_softmax(const gml_context *context, const char *function, const gml_softmax_problem *p,
                       int32_t threads, gml_source source, int64_t begin)
{
    const option options[] = {
        {"bias", p->bias},   {"keep", p->keep},   {"causal", p->causal != GML_CAUSAL_NONE},
        {"alibi", p->alibi}, {"sinks", p->sinks}, {"log", p->log != 0},
        {"lse", p->lse},     {NULL, false}};
    line to;
    begin_line(&to, function, NULL);
    add(&to, " type=f32 batch=%" PRId64 " rows=%" PRId64 " cols=%" PRId64, p->batch, p->rows, p->cols);
    add(&to,
        " x_stride=%" PRId64 " x_col_stride=%" PRId64 " x_batch_stride=%" PRId64 " y_stride=%" PRId64
        " y_col_stride=%" PRId64 " y_batch_stride=%" PRId64,
        p->x_stride, p->x_col_stride, p->x_batch_stride, p->y_stride, p->y_col_stride, p->y_batch_stride);
    add_real(&to, "scale", "%.9g", (double)p->scale);
    add_real(&to, "softcap", "%.9g", (double)p->softcap);
    add_options(&to, options);
    add(&to, " path=rows kernel=%s", context->runtime.set->softmax_f32->name);
    add_source(&to, true, source);
    end_line(&to, context, threads, begin, 0.0);
}

static const char *attention_path(const gml_attention_plan *plan)
{
    return plan ? gml_attention_path_name(plan->path) : "rows";
}

void gml_trace_attention(const gml_context *context, const char *function, const gml_attention_problem *p,
                         const gml_attention_plan *plan, gml_source source, int64_t begin)
{
    const option options[] = {{"bias", p->bias},
                              {"keep", p->keep},
                              {"causal", p->causal != GML_CAUSAL_NONE},
                              {"kv_lengths", p->kv_lengths},
                              {"prefix", p->prefix},
                              {"documents", p->q_document},
                              {"alibi", p->alibi},
                              {"sinks", p->sinks},
                              {"weights", p->weights},
                              {"lse", p->lse},
                              {NULL, false}};
    line to;
    begin_line(&to, function, NULL);
    add(&to,
        " type=f32 batch=%" PRId64 " heads=%" PRId64 " kv_heads=%" PRId64 " q_len=%" PRId64
        " kv_len=%" PRId64,
        p->batch, p->heads, p->kv_heads, p->q_len, p->kv_len);
    add(&to, " head_dim=%" PRId64 " v_head_dim=%" PRId64 " k_dim_stride=%" PRId64, p->head_dim, p->v_head_dim,
        p->k_dim_stride);
    add(&to, " window_left=%" PRId64 " window_right=%" PRId64, p->window_left, p->window_right);
    add_real(&to, "scale", "%.9g", (double)p->scale);
    add_real(&to, "softcap", "%.9g", (double)p->softcap);
    add_options(&to, options);
    add(&to, " path=%s kernel=%s", attention_path(plan), plan ? plan->kernel->name : "-");
    add_source(&to, plan != NULL, source);
    /* Of all pairs, whether masked or not. */
    end_line(&to, context, plan ? plan->threads : 1, begin,
             (double)p->batch * (double)p->heads * (double)p->q_len * (double)p->kv_len *
                 (double)(p->head_dim + p->v_head_dim));
}

void gml_trace_merge(const gml_context *context, const char *function, const gml_attention_merge_problem *p,
                     int32_t threads, int64_t begin)
{
    line to;
    begin_line(&to, function, NULL);
    add(&to,
        " type=f32 parts=%" PRId64 " batch=%" PRId64 " heads=%" PRId64 " q_len=%" PRId64
        " v_head_dim=%" PRId64,
        p->parts, p->batch, p->heads, p->q_len, p->v_head_dim);
    add(&to, " lse=%d path=rows kernel=%s", p->lse != NULL, context->runtime.set->attention_row_f32->name);
    end_line(&to, context, threads, begin, 0.0);
}

void gml_trace_wisdom(const gml_context *context, const gml_wisdom_loaded *loaded)
{
    const gml_wisdom_count *lines = &loaded->lines;
    int64_t refused = 0;
    for (int i = GML_WISDOM_READ + 1; i < GML_WISDOM_REFUSALS; i++)
        refused += loaded->files[i];
    if (!refused && !lines->foreign && !lines->stale && !lines->damaged && !lines->invalid &&
        !loaded->no_memory)
        return;
    line to = {.length = 0};
    add(&to, "gemmule: wisdom isa=%s files=%" PRId64 " refused=%" PRId64 " accepted=%" PRId64,
        context->runtime.set->isa, loaded->files[GML_WISDOM_READ], refused, lines->accepted);
    add(&to, " foreign=%" PRId64 " stale=%" PRId64 " damaged=%" PRId64 " invalid=%" PRId64 " memory=%s",
        lines->foreign, lines->stale, lines->damaged, lines->invalid, loaded->no_memory ? "none" : "fine");
    write_line(&to);
}

void gml_trace_record(const char *name, int64_t problems, int error)
{
    line to = {.length = 0};
    add(&to, "gemmule: record problems=%" PRId64 " error=%d file=%.900s", problems, error, name);
    write_line(&to);
}
