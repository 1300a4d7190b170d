/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tasks of a run: the standard problems, what is selected of a list, how a problem is said, and what it costs.
 */
#include "src/core/integers.h"
#include "tune/tune.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUITE_MOST 4096

bool tune_list_suite(tune_list *list, const tune_selection *selection)
{
    gml_key *keys = malloc(SUITE_MOST * sizeof *keys);
    const int count = keys ? tune_suite(selection->operations, selection->types, selection->threads,
                                        selection->thread_counts, keys, SUITE_MOST)
                           : 0;
    bool fine = keys;
    for (int i = 0; i < count && fine; i++)
        fine = tune_problems_add(list, &keys[i], 1.0);
    free(keys);
    return fine;
}

static int size_count(const gml_key *key)
{
    int count = 0;
    for (const char *const *size = gml_key_sizes((gml_operation)key->operation); *size; size++)
        count++;
    return count;
}

static bool selected(const tune_selection *selection, const gml_key *key)
{
    if (!(selection->operations & 1u << key->operation) || !(selection->types & 1u << key->type))
        return false;
    for (int i = 0; i < size_count(key); i++)
        if (key->size[i] < 1)
            return false;
    return tune_plans(key);
}

void tune_list_keep(tune_list *list, const tune_selection *selection)
{
    int count = 0;
    for (int i = 0; i < list->count; i++)
        if (selected(selection, &list->task[i].key))
            list->task[count++] = list->task[i];
    list->count = count;
}

/* The value of "name=" in a key's text, up to the next blank. */
static void value_of(const char *text, const char *name, char *value, size_t size)
{
    const char *at = strstr(text, name);
    at = at ? at + strlen(name) : "";
    snprintf(value, size, "%.*s", (int)strcspn(at, " "), at);
}

const char *tune_problem_text(const gml_key *key, char text[TUNE_PROBLEM_TEXT])
{
    char words[GML_KEY_TEXT], type[8], layout[16], sizes[TUNE_PROBLEM_TEXT] = "";
    gml_key_write(key, words, sizeof words);
    value_of(words, " type=", type, sizeof type);
    value_of(words, " layout=", layout, sizeof layout);
    for (int i = 0, used = 0; i < size_count(key) && used < (int)sizeof sizes; i++)
        used += snprintf(sizes + used, sizeof sizes - (size_t)used, "%s%lld", i ? "x" : "",
                         (long long)key->size[i]);
    const char *operation = gml_operation_name((gml_operation)key->operation);
    const bool plain = !strcmp(layout, "-");
    snprintf(text, TUNE_PROBLEM_TEXT, "%s %s%s%s %.100s, %d thread%s", operation, type, plain ? "" : " ",
             plain ? "" : layout, sizes, key->threads, key->threads == 1 ? "" : "s");
    return text;
}

/* Operations with elements, and elements that are touched. */
static void count_work(const gml_key *key, double *operations, double *elements)
{
    double s[GML_KEY_SIZES];
    for (int i = 0; i < GML_KEY_SIZES; i++)
        s[i] = (double)key->size[i];
    switch ((gml_operation)key->operation) {
    case GML_OPERATION_GEMM:
        *operations = 2.0 * s[0] * s[1] * s[2] * s[3];
        *elements = (s[0] * s[2] + s[2] * s[1] + 2.0 * s[0] * s[1]) * s[3];
        break;
    case GML_OPERATION_SOFTMAX:
        *operations = 16.0 * s[0] * s[1];
        *elements = 2.0 * s[0] * s[1];
        break;
    case GML_OPERATION_ATTENTION:
        *operations = 2.0 * s[0] * s[1] * s[2] * s[3] * (s[4] + s[5]);
        *elements = s[0] * (s[3] + s[1] * s[2]) * (s[4] + s[5]);
        break;
    }
}

/*
 * A task takes some seventy samples, each of the time below which clocks say little, or of one call; and opening and
 * verifying. That is what finished ones took on average, in the large. Calls are taken to reach 2 10^9 operations a second
 * for each lane of a thread, or 10 GB/s: about half of what kernels do.
 */
double tune_expected_seconds(const tune_machine *on, const gml_key *key)
{
    const double begin = 0.15, samples = 70.0, least = 0.002, lane = 2e9, bandwidth = 1e10, lane_bytes = 4.0;
    const double bytes = key->type == GML_F64 ? 8.0 : 4.0;
    const gml_kernel_set *set = on->runtime->set;
    double operations = 0.0, elements = 0.0;
    count_work(key, &operations, &elements);
    const double speed = lane * set->lanes * lane_bytes / bytes * key->threads;
    double call = operations / speed;
    if (call < elements * bytes / bandwidth)
        call = elements * bytes / bandwidth;
    return begin + samples * (call > least ? call : least);
}

bool tune_user_root(char *path, size_t size, char sentence[TUNE_SENTENCE])
{
    static const char in_home[] = "/.local/share/gemmule/wisdom";
    if (!gml_wisdom_user_root(path, size)) {
        snprintf(sentence, TUNE_SENTENCE, "neither XDG_DATA_HOME nor HOME says where the user's wisdom is");
        return false;
    }
    const size_t length = strlen(path), tail = strlen(in_home);
    if (length <= tail || strcmp(path + length - tail, in_home) != 0)
        return true;
    path[length - tail] = '\0';
    const bool there = !access(path, F_OK);
    if (!there)
        snprintf(sentence, TUNE_SENTENCE, "the home directory %.200s does not exist", path);
    path[length - tail] = '/';
    return there;
}

size_t tune_memory(void)
{
    const long pages = sysconf(_SC_AVPHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    int64_t bytes = pages > 0 && page > 0 ? (int64_t)pages * page : INT64_C(1) << 30;
    char text[32];
    if (gml_cpu_read("", "/sys/fs/cgroup/memory.max", text, sizeof text)) {
        const long long most = strtoll(text, NULL, 10); /* 0 where it is "max" */
        if (most > 0)
            bytes = min64(bytes, most);
    }
    return (size_t)bytes / 2;
}
