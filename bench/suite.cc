/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The files of suites: groups, cases, and what is included of other files.
 */
#include "bench/suite.h"
#include "bench/product.h"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fnmatch.h>
#include <fstream>
#include <map>

namespace bench
{
namespace
{

namespace fs = std::filesystem;

constexpr size_t LONGEST = 500; /* characters of a line */

std::string without_blanks(const std::string &text)
{
    const char *const BLANKS = " \t\r";
    const size_t first = text.find_first_not_of(BLANKS);
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(BLANKS) + 1 - first);
}

/* A failure that names file and line. */
struct Placed : Failure {
    using Failure::Failure;
};

class Reader
{
  public:
    void read(const fs::path &path, const std::string &pattern)
    {
        if (std::count(open_.begin(), open_.end(), path))
            throw Failure("it includes itself");
        errno = 0;
        std::ifstream file(path);
        if (!file || fs::is_directory(path))
            throw Failure(path.string() + " cannot be read: " + std::strerror(errno ? errno : EISDIR));
        open_.push_back(path);
        group_.clear();
        int number = 0;
        for (std::string line; std::getline(file, line);) {
            number++;
            try {
                read_line(path, number, line, pattern);
            } catch (const Placed &) { /* of a file that is included */
                throw;
            } catch (const Failure &failure) {
                throw Placed(path.string() + ":" + std::to_string(number) + ": " + failure.what());
            }
        }
        open_.pop_back();
    }

    std::vector<Case> cases;

  private:
    void read_line(const fs::path &path, int number, const std::string &line, const std::string &pattern)
    {
        if (line.size() > LONGEST)
            throw Failure("the line has more than " + std::to_string(LONGEST) + " characters");
        if (std::any_of(line.begin(), line.end(),
                        [](unsigned char c) { return c < ' ' && c != '\t' && c != '\r'; }))
            throw Failure("the line has characters that are no text");
        const size_t hash = line.find('#');
        const std::string text = without_blanks(line.substr(0, hash));
        const std::string comment = hash == std::string::npos ? "" : without_blanks(line.substr(hash + 1));
        if (text.empty())
            return;
        if (text[0] == '[')
            read_group(text);
        else if (text.compare(0, 8, "include ") == 0 || text.compare(0, 8, "include\t") == 0)
            include(path, without_blanks(text.substr(8)), pattern);
        else
            add(path, number, text, comment, pattern);
    }
    void read_group(const std::string &text)
    {
        group_ = text.back() == ']' ? text.substr(1, text.size() - 2) : "";
        if (group_.empty() ||
            group_.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") != std::string::npos)
            throw Failure("a group is [name], of small letters, digits, '-' and '_'");
    }
    void include(const fs::path &path, const std::string &text, const std::string &outer)
    {
        const size_t blank = text.find_first_of(" \t");
        const std::string inner = blank == std::string::npos ? "" : without_blanks(text.substr(blank));
        if (!inner.empty() && !outer.empty())
            throw Failure("a file that is included by a pattern includes by a pattern itself");
        const std::string group = group_;
        const size_t before = seen_;
        read(path.parent_path() / text.substr(0, blank), inner.empty() ? outer : inner);
        group_ = group;
        if (!inner.empty() && seen_ == before)
            throw Failure("no case of that file matches " + inner);
    }
    /* A case that another file had already is left out; twice in one file it is a mistake. */
    void add(const fs::path &path, int number, const std::string &text, const std::string &comment,
             const std::string &pattern)
    {
        Case parsed = parse_case(text);
        if (group_.empty())
            throw Failure("a group, [name], is missing before the first case");
        if (!pattern.empty() && fnmatch(pattern.c_str(), text.c_str(), 0) != 0)
            return;
        seen_++;
        const auto [first, is_new] = places_.try_emplace(text, path, number);
        if (!is_new) {
            if (first->second.first == path && first->second.second != number)
                throw Failure(text + " is there already, in line " + std::to_string(first->second.second));
            return;
        }
        parsed.group = group_;
        parsed.label = comment;
        cases.push_back(std::move(parsed));
    }

    std::vector<fs::path> open_; /* files that are being read */
    std::map<std::string, std::pair<fs::path, int>> places_;
    std::string group_;
    size_t seen_ = 0; /* cases that a pattern let through, new or not */
};

} // namespace

std::vector<Case> read_suite(const std::string &suite)
{
    const std::string ENDING = ".suite";
    const bool is_path = suite.find('/') != std::string::npos ||
                         (suite.size() > ENDING.size() &&
                          suite.compare(suite.size() - ENDING.size(), ENDING.size(), ENDING) == 0);
    fs::path path = suite;
    if (!is_path) {
        const fs::path folder = fs::read_symlink("/proc/self/exe").parent_path() / "suites";
        path = folder / (suite + ENDING);
        if (!fs::exists(path)) {
            std::vector<std::string> names;
            std::error_code error;
            for (const auto &file : fs::directory_iterator(folder, error))
                if (file.path().extension() == ENDING)
                    names.push_back(file.path().stem());
            std::sort(names.begin(), names.end());
            std::string list;
            for (const std::string &name : names)
                list += " " + name;
            throw Failure("there is no suite '" + suite + "' in " + folder.string() + ", which has" +
                          (list.empty() ? " none" : list));
        }
    }
    Reader reader;
    reader.read(path, "");
    return std::move(reader.cases);
}

} // namespace bench
