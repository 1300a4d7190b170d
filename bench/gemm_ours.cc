/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Gemmule's own subjects: the plain call, a plan, and a plan with B packed.
 */
#include "bench/gemm_subject.h"

namespace bench
{
namespace
{

template <class T, class Function>
std::unique_ptr<Product> plain(Function gemm, gml_context *context, const Problem &problem,
                               const std::vector<Operands> &sets)
{
    const auto [m, n, k] = problem.shape;
    const int64_t rs_b = problem.transposed ? 1 : n, cs_b = problem.transposed ? k : 1;
    return repeat(sets.size(), [=, m = m, n = n, k = k, set = sets.data()](size_t i) {
        require(gemm(context, m, n, k, 1, static_cast<const T *>(set[i].a), k, 1,
                     static_cast<const T *>(set[i].b), rs_b, cs_b, 0, static_cast<T *>(set[i].c), n, 1));
    });
}

class Plain final : public Subject
{
  public:
    explicit Plain(gml_context *context)
        : Subject("gemmule", Kind::plain, "one call of gml_gemm_f32 or gml_gemm_f64", true), context_(context)
    {
    }
    std::unique_ptr<Product> prepare(const Problem &problem, const std::vector<Operands> &sets) const override
    {
        return problem.type == Type::f32 ? plain<float>(gml_gemm_f32, context_, problem, sets)
                                         : plain<double>(gml_gemm_f64, context_, problem, sets);
    }

  private:
    gml_context *context_;
};

struct Destroy {
    void operator()(gml_plan *plan) const
    {
        gml_plan_destroy(plan);
    }
    void operator()(gml_packed *packed) const
    {
        gml_packed_destroy(packed);
    }
};
using Plan = std::unique_ptr<gml_plan, Destroy>;
using Packed = std::unique_ptr<gml_packed, Destroy>;

gml_gemm_problem describe(const Problem &problem)
{
    gml_gemm_problem p = GML_GEMM_PROBLEM_INIT;
    p.type = problem.type == Type::f32 ? GML_F32 : GML_F64;
    p.m = problem.shape.m, p.n = problem.shape.n, p.k = problem.shape.k;
    p.rs_a = p.k, p.cs_a = 1;
    p.rs_b = problem.transposed ? 1 : p.n, p.cs_b = problem.transposed ? p.k : 1;
    p.rs_c = p.n, p.cs_c = 1;
    return p;
}

Plan plan(gml_context *context, const gml_gemm_problem &problem)
{
    gml_plan *made = nullptr;
    require(gml_plan_create_gemm(&made, context, &problem));
    return Plan(made);
}

class Planned final : public Subject
{
  public:
    explicit Planned(gml_context *context)
        : Subject("gemmule-plan", Kind::plan, "gml_plan_create_gemm ahead of gml_plan_run_gemm", true),
          context_(context)
    {
    }
    std::unique_ptr<Product> prepare(const Problem &problem, const std::vector<Operands> &sets) const override
    {
        return repeat(sets.size(), [plan = plan(context_, describe(problem)), set = sets.data()](size_t i) {
            require(gml_plan_run_gemm(plan.get(), set[i].a, set[i].b, set[i].c));
        });
    }

  private:
    gml_context *context_;
};

/* Each set has a B of its own, and so a plan of its own. */
class Prepacked final : public Subject
{
  public:
    explicit Prepacked(gml_context *context)
        : Subject("gemmule-packed", Kind::packed, "gml_gemm_pack_b ahead of a plan", true), context_(context)
    {
    }
    std::unique_ptr<Product> prepare(const Problem &problem, const std::vector<Operands> &sets) const override
    {
        std::vector<std::pair<Packed, Plan>>
            plans; /* destroyed from the back: the plan, then what it refers to */
        for (const Operands &set : sets) {
            gml_gemm_problem p = describe(problem);
            p.b = set.b;
            gml_packed *packed = nullptr;
            require(gml_gemm_pack_b(&packed, context_, &p));
            p.b = nullptr, p.packed_b = packed;
            Packed owner(packed);
            plans.emplace_back(std::move(owner), plan(context_, p));
        }
        return repeat(sets.size(), [plans = std::move(plans), set = sets.data()](size_t i) {
            require(gml_plan_run_gemm(plans[i].second.get(), set[i].a, nullptr, set[i].c));
        });
    }

  private:
    gml_context *context_;
};

} // namespace

void add_gemmule(Subjects &subjects, gml_context *context)
{
    subjects.push_back(std::make_unique<Plain>(context));
    subjects.push_back(std::make_unique<Planned>(context));
    subjects.push_back(std::make_unique<Prepacked>(context));
}

} // namespace bench
