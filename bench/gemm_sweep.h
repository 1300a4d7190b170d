/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every size of a range, to see where time is not smooth.
 */
#ifndef GML_BENCH_GEMM_SWEEP_H
#define GML_BENCH_GEMM_SWEEP_H

#include "bench/gemm_measure.h"
#include "bench/statistics.h"

namespace bench
{

/* from, from + step ... as far as `to`. */
struct Range {
    int64_t from = 1, to = 520, step = 1;
};

/* "1..2048", "64..1024:64"; throws a Failure. */
Range range(const std::string &text);

/* One of the ways through the sizes: squares, or M, N or K alone. */
struct Line {
    const char *name;
    Shape (*shape)(int64_t size);
};

/* A subject on a size; seconds and peak of each round. */
struct Point {
    int64_t size;
    const Subject *subject;
    double flops;
    std::vector<double> seconds, peak;

    /* Operations that the machine could have done in the time of one product. */
    double cost() const;
};

/* A size that takes longer than a larger one. */
struct Cliff {
    int64_t size, larger;
    const Subject *subject;
    Ratio ratio; /* of their times */
};

struct Swept {
    const Line *line;
    std::vector<Point> points; /* by size, then in the order of the subjects */
    std::vector<Cliff> cliffs; /* by subject, then by size                   */
};

/*
 * Sweeps, and prints: a table of comma-separated values, line by line, or a JSON object with all samples at the end. Then
 * says on the standard error stream which sizes of ours take longer than a larger one does, by more than 5 %; returns
 * their number.
 */
int sweep(Type type, bool transposed, const Range &sizes, bool json, const Subjects &subjects, const Settings &settings);

/* How it is printed (bench/gemm_sweep_print.cc). */
void print_csv_header();
void print_csv(const Swept &swept);
void print_json(const std::vector<Swept> &lines, Type type, bool transposed, const Range &sizes, const Subjects &subjects,
                const Settings &settings);
void print_cliffs(const Swept &swept);

} // namespace bench

#endif
