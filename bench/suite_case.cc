/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The grammar of cases. A name is an operation, then its axes in one order, so that what is the same problem has one
 * name and one history.
 */
#include "bench/product.h"
#include "bench/suite.h"
#include <algorithm>
#include <map>

namespace bench
{
namespace
{

constexpr int64_t MOST = 1 << 24; /* of a size */

/* What is between the slashes, taken one after the other. */
class Parts
{
  public:
    explicit Parts(const std::string &text)
    {
        for (size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
            end = text.find('/', begin);
            parts_.push_back(text.substr(begin, end - begin));
        }
    }
    /* Describes what the rest must look like, for the sentence of a Failure. */
    void expect(std::string form)
    {
        form_ = std::move(form);
    }
    bool done() const
    {
        return next_ == parts_.size();
    }
    std::string take()
    {
        return done() ? "" : parts_[next_++];
    }
    bool flag(const char *name)
    {
        const bool there = !done() && parts_[next_] == name;
        next_ += there;
        return there;
    }
    /* The text behind "key:", or "" where the next part is another one. */
    std::string value(const std::string &key)
    {
        if (done() || parts_[next_].compare(0, key.size() + 1, key + ":") != 0)
            return "";
        const std::string text = take().substr(key.size() + 1);
        if (text.empty())
            fail("there is nothing behind " + key + ":");
        return text;
    }
    /* A number from 1 to `most`. */
    int64_t axis(const std::string &key, int64_t most = MOST)
    {
        const std::string text = value(key);
        if (text.empty())
            fail((done() ? "it ends" : "'" + parts_[next_] + "' stands") + " where " + key +
                 ":NUMBER is expected");
        const bool digits =
            std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
        const int64_t number = digits && text.size() < 10 ? std::stoll(text) : 0;
        if (number < 1 || number > most || text[0] == '0')
            fail(key + ":" + text + " is no number from 1 to " + std::to_string(most));
        return number;
    }
    int64_t axis_or(const std::string &key, int64_t otherwise, int64_t most = MOST)
    {
        const bool there = !done() && parts_[next_].compare(0, key.size() + 1, key + ":") == 0;
        return there ? axis(key, most) : otherwise;
    }
    [[noreturn]] void fail(const std::string &sentence) const
    {
        throw Failure(sentence + (form_.empty() ? "" : "; the form is " + form_ + "[/thr:N][/isa:NAME]"));
    }

  private:
    std::vector<std::string> parts_;
    size_t next_ = 0;
    std::string form_;
};

Work parse_gemm(Parts &parts, Type type)
{
    parts.expect(std::string(type == Type::f32 ? "s" : "d") + "gemm/NN|NT|TN|TT/m:N/n:N/k:N");
    const std::string stored = parts.take();
    if (stored.size() != 2 || stored.find_first_not_of("NT") != std::string::npos)
        parts.fail("'" + stored + "' stands where NN, NT, TN or TT is expected");
    const int64_t m = parts.axis("m"), n = parts.axis("n"), k = parts.axis("k");
    return Gemm{type, stored[0] == 'T', stored[1] == 'T', {m, n, k}};
}

Work parse_softmax(Parts &parts)
{
    parts.expect("softmax/rows:N/cols:N[/columns]");
    const int64_t rows = parts.axis("rows"), cols = parts.axis("cols");
    return Softmax{rows, cols, parts.flag("columns")};
}

Work parse_attention(Parts &parts)
{
    parts.expect(
        "attention[/batch:N]/heads:N/kv_heads:N/q:N/kv:N/d:N[/dv:N][/causal][/window:N][/keep][/bias][/alibi]"
        "[/softcap:N][/sinks][/absorbed]");
    Attention a{};
    a.batch = parts.axis_or("batch", 1);
    a.heads = parts.axis("heads"), a.kv_heads = parts.axis("kv_heads");
    a.q_len = parts.axis("q"), a.kv_len = parts.axis("kv");
    a.dim = parts.axis("d"), a.v_dim = parts.axis_or("dv", a.dim);
    a.causal = parts.flag("causal");
    a.window = parts.axis_or("window", 0);
    a.keep = parts.flag("keep");
    a.bias = parts.flag("bias");
    a.alibi = parts.flag("alibi");
    a.softcap = float(parts.axis_or("softcap", 0));
    a.sinks = parts.flag("sinks");
    a.absorbed = parts.flag("absorbed");
    if (a.heads % a.kv_heads != 0)
        parts.fail("heads is no multiple of kv_heads");
    if (a.absorbed && a.v_dim > a.dim)
        parts.fail("dv is greater than d, which absorbed V is a part of");
    return a;
}

Work parse_machine(Parts &parts, const std::string &operation)
{
    static const std::map<std::string, Machine> names = {{"canary/fma", Machine::fma},
                                                         {"canary/read", Machine::read},
                                                         {"memory/read", Machine::memory_read},
                                                         {"memory/copy", Machine::memory_copy}};
    parts.expect(operation == "canary" ? "canary/fma|read" : "memory/read|copy");
    const std::string what = parts.take();
    const auto found = names.find(operation + "/" + what);
    if (found == names.end())
        parts.fail("'" + what + "' is nothing that " + operation + " measures");
    return found->second;
}

Work parse_work(Parts &parts)
{
    const std::string operation = parts.take();
    if (operation == "sgemm" || operation == "dgemm")
        return parse_gemm(parts, operation == "sgemm" ? Type::f32 : Type::f64);
    if (operation == "softmax")
        return parse_softmax(parts);
    if (operation == "attention")
        return parse_attention(parts);
    if (operation == "canary" || operation == "memory")
        return parse_machine(parts, operation);
    parts.fail("'" + operation + "' is no operation: sgemm, dgemm, softmax, attention, canary or memory");
}

} // namespace

Case parse_case(const std::string &text)
{
    constexpr int MOST_THREADS = 1024;
    Parts parts(text);
    Case parsed;
    parsed.work = parse_work(parts);
    parsed.name = text.substr(0, std::min(text.find("/thr:"), text.find("/isa:")));
    parsed.threads = int(parts.axis_or("thr", 0, MOST_THREADS));
    parsed.isa = parts.value("isa");
    if (!parts.done())
        parts.fail("'" + parts.take() + "' is not expected, or not there");
    return parsed;
}

} // namespace bench
