/* SPDX-License-Identifier: BSD-3-Clause
 *
 * oneDNN's matmul primitive, f32: with B as the caller stores it, and with B reordered ahead into the layout that the
 * primitive asks for. Its CPU runtime is OpenMP, the threads are those of this program's.
 */
#include "bench/gemm_subject.h"
#include <omp.h>
#include <oneapi/dnnl/dnnl.hpp>
#include <oneapi/dnnl/dnnl_debug.h>

namespace bench
{
namespace
{

using dnnl::memory;

/* The primitive is executed through the C interface: the other one makes a hash table of arguments in each call. */
struct Run {
    dnnl::matmul primitive;
    std::vector<memory> b; /* of each set; keeps what is reordered alive */
    std::vector<memory> a, c;
    std::vector<dnnl_exec_arg_t> arguments; /* three of each set */
};

class Matmul final : public Subject
{
  public:
    Matmul(Kind how, int threads)
        : Subject(how == Kind::packed ? "onednn-packed" : "onednn-matmul", how, describe(threads))
    {
    }
    std::unique_ptr<Product> prepare(const Problem &problem, const std::vector<Operands> &sets) const override
    {
        const auto [m, n, k] = problem.shape;
        const auto f32 = memory::data_type::f32;
        const memory::desc a({m, k}, f32, memory::dims{k, 1}), c({m, n}, f32, memory::dims{n, 1});
        const memory::desc b({k, n}, f32, problem.transposed ? memory::dims{1, k} : memory::dims{n, 1});
        const memory::desc wanted =
            kind == Kind::packed ? memory::desc({k, n}, f32, memory::format_tag::any) : b;
        const dnnl::matmul::primitive_desc chosen(engine_, a, wanted, c);

        Run run{dnnl::matmul(chosen), {}, {}, {}, {}};
        for (const Operands &set : sets) {
            run.a.emplace_back(a, engine_, const_cast<void *>(set.a));
            run.c.emplace_back(c, engine_, set.c);
            memory stored(b, engine_, const_cast<void *>(set.b));
            if (chosen.weights_desc() != b) {
                memory packed(chosen.weights_desc(), engine_);
                dnnl::reorder(stored, packed).execute(stream_, stored, packed);
                stored = packed;
            }
            run.b.push_back(stored);
            run.arguments.push_back({DNNL_ARG_SRC, run.a.back().get()});
            run.arguments.push_back({DNNL_ARG_WEIGHTS, run.b.back().get()});
            run.arguments.push_back({DNNL_ARG_DST, run.c.back().get()});
        }
        return repeat(sets.size(), [run = std::move(run), stream = stream_.get()](size_t i) {
            if (dnnl_primitive_execute(run.primitive.get(), stream, 3, &run.arguments[3 * i]) != dnnl_success)
                throw Failure("oneDNN could not execute its matmul");
        });
    }

  private:
    static std::string describe(int threads)
    {
        omp_set_num_threads(threads);
        const dnnl_version_t *version = dnnl_version();
        const char *isa = dnnl_cpu_isa2str(dnnl_get_effective_cpu_isa());
        return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
               std::to_string(version->patch) + ", core: " + isa + ", threads: " + std::to_string(threads);
    }

    dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream_{engine_};
};

} // namespace

void add_onednn(Subjects &subjects, Type type, int threads)
{
    if (type != Type::f32) /* has no f64 on CPUs */
        return;
    subjects.push_back(std::make_unique<Matmul>(Kind::plan, threads));
    subjects.push_back(std::make_unique<Matmul>(Kind::packed, threads));
}

} // namespace bench
