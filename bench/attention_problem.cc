/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The names of problems, and the list of them.
 */
#include "bench/attention_problem.h"
#include "bench/format.h"
#include <cstdio>

namespace bench
{

namespace
{

std::string text(int64_t number)
{
    return std::to_string(number);
}

std::string name_of(const Attention &a)
{
    std::string name = a.batch > 1 ? text(a.batch) + "*" : "";
    name += text(a.heads) + (a.kv_heads == a.heads ? "" : "/" + text(a.kv_heads));
    name += "x" + text(a.q_len) + "x" + text(a.kv_len) + "x" + text(a.dim);
    name += a.v_dim == a.dim ? "" : "/" + text(a.v_dim);
    name += a.causal ? "+causal" : "";
    name += a.window ? "+window" + text(a.window) : "";
    name += a.keep ? "+keep" : "";
    name += a.bias ? "+bias" : "";
    name += a.alibi ? "+alibi" : "";
    name += a.softcap != 0 ? "+softcap" : "";
    name += a.sinks ? "+sinks" : "";
    return name;
}

std::string name_of(const Softmax &s)
{
    return text(s.rows) + "x" + text(s.cols) + (s.columns ? "+columns" : "");
}

std::string members_of(const Attention &a)
{
    const auto flag = [](bool on) { return on ? "true" : "false"; };
    return "\"batch\": " + text(a.batch) + ", \"heads\": " + text(a.heads) +
           ", \"kv_heads\": " + text(a.kv_heads) + ", \"q_len\": " + text(a.q_len) +
           ", \"kv_len\": " + text(a.kv_len) + ", \"head_dim\": " + text(a.dim) +
           ", \"v_head_dim\": " + text(a.v_dim) + ",\n   \"causal\": " + flag(a.causal) +
           ", \"window_left\": " + text(a.window) + ", \"keep\": " + flag(a.keep) +
           ", \"bias\": " + flag(a.bias) + ", \"alibi\": " + flag(a.alibi) + ", \"sinks\": " + flag(a.sinks) +
           ", \"softcap\": " + json::number(double(a.softcap)) + ", \"absorbed\": " + flag(a.absorbed) +
           ", \"flops\": " + json::number(a.flops());
}

std::string members_of(const Softmax &s)
{
    return "\"rows\": " + text(s.rows) + ", \"cols\": " + text(s.cols) +
           ", \"columns\": " + (s.columns ? "true" : "false");
}

} // namespace

std::string name(const Problem &problem)
{
    return std::visit([](const auto &p) { return name_of(p); }, problem);
}

void print_list(const std::vector<Entry> &entries)
{
    const char *separator = "[\n";
    for (const Entry &entry : entries) {
        const std::string members = std::visit([](const auto &p) { return members_of(p); }, entry.problem);
        std::printf("%s  {\"group\": %s, \"name\": %s, \"label\": %s,\n   %s}", separator,
                    json::quoted(entry.group).c_str(), json::quoted(name(entry.problem)).c_str(),
                    json::quoted(entry.label).c_str(), members.c_str());
        separator = ",\n";
    }
    std::printf("\n]\n");
}

} // namespace bench
