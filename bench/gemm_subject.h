/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What gemmule_bench_gemm measures: subjects, each a way in which some library multiplies matrices. A subject prepares
 * a problem as far as its kind allows, and the product that comes of it is what is timed.
 */
#ifndef GML_BENCH_GEMM_SUBJECT_H
#define GML_BENCH_GEMM_SUBJECT_H

#include "bench/problem.h"
#include "bench/product.h"
#include <vector>

namespace bench
{

/* C = A * B, all row-major and contiguous; B is stored as n rows of k elements where it is transposed. */
struct Problem {
    Type type;
    Shape shape;
    bool transposed;

    double flops() const
    {
        return shape.flops();
    }
    /* Of the operands: what has to be read and written once, whatever the algorithm. */
    double bytes() const
    {
        return double(size_of(type)) * shape.elements();
    }
    int64_t ldb() const
    {
        return transposed ? shape.k : shape.n;
    }
};

struct Operands {
    const void *a, *b;
    void *c;
};

/* What a subject has done before its product is timed: nothing; all that follows from the problem but for the operands
 * (a plan, a kernel made for it); and that with B brought into the subject's own order. */
enum class Kind { plain, plan, packed };

class Subject
{
  public:
    Subject(std::string called, Kind how, std::string described, bool own = false)
        : name(std::move(called)), kind(how), description(std::move(described)), ours(own)
    {
    }
    virtual ~Subject() = default;
    /* NULL where the library does not do this problem. The operands outlive the product; the vector does, too. */
    virtual std::unique_ptr<Product> prepare(const Problem &problem, const std::vector<Operands> &sets) const = 0;

    const std::string name;
    const Kind kind;
    const std::string description; /* version, chosen core, threads */
    const bool ours;
};

using Subjects = std::vector<std::unique_ptr<Subject>>;

/* Appends the subjects of a library. The first one of gemmule is its plain call. */
void add_gemmule(Subjects &subjects, gml_context *context);
void add_cblas(Subjects &subjects, const std::string &name, const std::string &path, Type type, int threads);
void add_xsmm(Subjects &subjects, Type type, int threads);
void add_onednn(Subjects &subjects, Type type, int threads);

} // namespace bench

#endif
