/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Few long rows: threads share the segments of all rows of a group, each a run of neighbours. All are reduced, their
 * maxima and sums kept apart; the caller merges them in ascending order; all are finished. Exponentials stay in y
 * meanwhile. Where results stream past the caches they are formed twice, so that y is written once.
 */
#include "src/core/softmax_paths.h"

#define UNITS_OF_GROUP (INT64_C(1) << 18) /* segments of a group of rows */

typedef struct split_run {
    const gml_softmax_job *job;
    int64_t first, rows, segments; /* of the group, and of a row */
    float *m, *l;                  /* of each segment */
    gml_softmax_end *end;          /* of each row     */
} split_run;

/* A run of neighbours of the group's segments. */
static int64_t share(const split_run *run, int64_t index)
{
    return run->rows * run->segments * index / run->job->plan->threads;
}

static gml_softmax_row row_of(const split_run *run, int64_t r)
{
    const int64_t rows = run->job->problem->rows, i = run->first + r;
    return gml_softmax_row_of(run->job, i / rows, i % rows);
}

/* The segments of a share, where they stand. */
typedef struct segment {
    gml_softmax_row row;
    int64_t j, n; /* n: present columns, or 0 */
} segment;

static segment segment_of(const split_run *run, int64_t unit)
{
    segment s = {.row = row_of(run, unit / run->segments), .j = unit % run->segments * GML_RS0};
    s.n = max64(0, min64(GML_RS0, s.row.cols - s.j));
    return s;
}

/* Plain scores: the kernel's step takes the maximum of the next segment meanwhile. */
static void reduce_plain(const split_run *run, int64_t first, int64_t end)
{
    _Alignas(GML_ALIGNMENT) float thrown_away[GML_RS0];
    const gml_softmax_kernel_f32 *kernel = run->job->kernel;
    const bool kept = !run->job->plan->stream;
    gml_softmax_step_f32 step = {.scale = run->job->problem->scale};
    segment s = segment_of(run, first);
    float m, m_next, l;
    step.x_next = s.row.x + s.j, step.n_next = s.n;
    kernel->step(&step, &m, &l);
    for (int64_t unit = first; unit < end; unit++) {
        step.x = step.x_next, step.n = step.n_next, step.m = m;
        step.e = kept ? s.row.y + s.j : thrown_away;
        step.n_next = 0;
        if (unit + 1 < end) {
            s = segment_of(run, unit + 1);
            step.x_next = s.row.x + s.j, step.n_next = s.n;
        }
        kernel->step(&step, &m_next, &l);
        run->m[unit] = m, run->l[unit] = l;
        m = m_next;
    }
}

static void reduce_share(void *argument, int64_t index)
{
    _Alignas(GML_ALIGNMENT) float thrown_away[GML_RS0];
    const split_run *run = argument;
    const int64_t first = share(run, index), end = share(run, index + 1);
    if (run->job->plain && !run->job->problem->log && first < end) {
        reduce_plain(run, first, end);
        return;
    }
    for (int64_t unit = first; unit < end; unit++) {
        const segment s = segment_of(run, unit);
        if (s.n > 0)
            gml_softmax_reduce(run->job, &s.row, s.j, s.n, s.row.x + s.j,
                               run->job->plan->stream ? thrown_away : s.row.y + s.j, &run->m[unit],
                               &run->l[unit]);
    }
}

static void merge_row(const split_run *run, int64_t r)
{
    const gml_softmax_row row = row_of(run, r);
    float *m = run->m + r * run->segments, *l = run->l + r * run->segments;
    const int64_t segments = ceil_div(row.cols, GML_RS0);
    gml_softmax_state state;
    gml_softmax_start(&state);
    for (int64_t s = 0; s < segments; s++)
        gml_softmax_merge(run->job->set, &state, m[s], l[s]);
    run->end[r] = gml_softmax_close(run->job, &row, &state);
}

static void finish_share(void *argument, int64_t index)
{
    _Alignas(GML_ALIGNMENT) float again[GML_RS0];
    const split_run *run = argument;
    const gml_softmax_job *job = run->job;
    const bool stream = job->plan->stream;
    for (int64_t unit = share(run, index); unit < share(run, index + 1); unit++) {
        const segment s = segment_of(run, unit);
        float *y = s.row.y + s.j, m = run->m[unit], l;
        if (s.n > 0 && stream)
            gml_softmax_reduce(job, &s.row, s.j, s.n, s.row.x + s.j, again, &m, &l);
        if (s.n > 0)
            gml_softmax_finish(job, &run->end[unit / run->segments], m, s.n, stream ? again : y, stream, y);
        gml_softmax_fill_absent(job, s.n, min64(GML_RS0, job->problem->cols - s.j), y);
    }
    if (stream)
        job->kernel->fence();
}

bool gml_softmax_split(gml_runtime *runtime, gml_softmax_job *job)
{
    const gml_softmax_problem *p = job->problem;
    const int64_t all = p->batch * p->rows, segments = ceil_div(p->cols, GML_RS0);
    if (!gml_softmax_contiguous(p) || segments < 2 || segments > UNITS_OF_GROUP)
        return false;
    const int64_t group = min64(all, UNITS_OF_GROUP / segments);
    const size_t units = (size_t)(group * segments);
    const gml_scratch scratch =
        gml_scratch_take(runtime, (size_t)group * sizeof(gml_softmax_end) + 2 * units * sizeof(float));
    if (!scratch.data)
        return false;
    split_run run = {.job = job, .segments = segments, .end = scratch.data};
    run.m = (float *)(run.end + group);
    run.l = run.m + units;
    for (run.first = 0; run.first < all; run.first += group) {
        run.rows = min64(group, all - run.first);
        gml_parallel(runtime, job->plan->threads, reduce_share, &run);
        for (int64_t r = 0; r < run.rows; r++)
            merge_row(&run, r);
        gml_parallel(runtime, job->plan->threads, finish_share, &run);
    }
    gml_scratch_give(runtime, scratch);
    return true;
}
