/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The tables of parameters, and what is said of all choices by loops over them: text, order, nothing chosen.
 */
#include "src/plan/choice.h"
#include "src/core/plan.h"
#include "src/core/runtime.h"
#include <stdio.h>
#include <string.h>

#define NO_OR_YES                                                                                            \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        "no", "yes", NULL                                                                                    \
    }

static const gml_parameter of_gemm[] = {
    [GML_CHOOSE_PATH] = {"path", (const char *const[]){"panels", "stream", "split", NULL}, 0, false},
    [GML_CHOOSE_TRANSPOSE] = {"transpose", NO_OR_YES, 0, false},
    [GML_CHOOSE_MR] = {"mr", NULL, GML_TILE_BYTES, false},
    [GML_CHOOSE_NR] = {"nr", NULL, GML_TILE_BYTES, false},
    [GML_CHOOSE_PACK_A] = {"pack_a", NO_OR_YES, 0, false},
    [GML_CHOOSE_PACK_B] = {"pack_b", NO_OR_YES, 0, false},
    [GML_CHOOSE_STREAM_C] = {"stream_c", NO_OR_YES, 0, false},
    [GML_CHOOSE_MC] = {"mc", NULL, GML_BLOCK_LIMIT, true},
    [GML_CHOOSE_KC] = {"kc", NULL, GML_BLOCK_LIMIT, true},
    [GML_CHOOSE_NC] = {"nc", NULL, GML_BLOCK_LIMIT, true},
    [GML_CHOOSE_THREADS] = {"threads", NULL, GML_MAX_THREADS, true},
    [GML_CHOOSE_GRID_M] = {"grid_m", NULL, GML_MAX_THREADS, true},
    {0},
};

static const gml_parameter of_softmax[] = {
    [GML_CHOOSE_SOFTMAX_ROWS] = {"rows", NULL, GML_BLOCK_LIMIT, true},
    [GML_CHOOSE_SOFTMAX_SPLIT] = {"split", NO_OR_YES, 0, false},
    [GML_CHOOSE_SOFTMAX_STREAM] = {"stream", NO_OR_YES, 0, false},
    [GML_CHOOSE_SOFTMAX_BLOCK_ROWS] = {"block_rows", NULL, GML_MAX_BLOCK_ROWS, true},
    [GML_CHOOSE_SOFTMAX_THREADS] = {"threads", NULL, GML_MAX_THREADS, true},
    {0},
};

static const gml_parameter of_attention[] = {
    [GML_CHOOSE_ATTENTION_PATH] = {"path", (const char *const[]){"tiles", "few", "blocks", NULL}, 0, false},
    [GML_CHOOSE_ATTENTION_BQ] = {"bq", NULL, GML_MAX_BQ, false},
    [GML_CHOOSE_ATTENTION_STRIPS] = {"strips", NULL, GML_MAX_STRIPS, true},
    [GML_CHOOSE_ATTENTION_PACK_K] = {"pack_k", NO_OR_YES, 0, false},
    [GML_CHOOSE_ATTENTION_ROWS] = {"rows", NULL, GML_BLOCKS_ROWS, true},
    [GML_CHOOSE_ATTENTION_SPAN] = {"span", NULL, GML_FEW_SPAN, true},
    [GML_CHOOSE_ATTENTION_SPLIT] = {"split", NULL, GML_MAX_THREADS, true},
    [GML_CHOOSE_ATTENTION_STEP] = {"step", NULL, GML_BLOCKS_ROWS, true},
    [GML_CHOOSE_ATTENTION_THREADS] = {"threads", NULL, GML_MAX_THREADS, true},
    {0},
};

#define COUNT(table) ((int)(sizeof table / sizeof *table) - 1)

_Static_assert(COUNT(of_gemm) <= GML_CHOICE_VALUES && COUNT(of_softmax) <= GML_CHOICE_VALUES &&
                   COUNT(of_attention) <= GML_CHOICE_VALUES,
               "a choice has room for all parameters");

static const struct {
    const char *name;
    const gml_parameter *parameter;
    int count;
} operations[GML_OPERATIONS] = {
    [GML_OPERATION_GEMM] = {"gemm", of_gemm, COUNT(of_gemm)},
    [GML_OPERATION_SOFTMAX] = {"softmax", of_softmax, COUNT(of_softmax)},
    [GML_OPERATION_ATTENTION] = {"attention", of_attention, COUNT(of_attention)},
};

const char *gml_operation_name(gml_operation operation)
{
    return operations[operation].name;
}

const gml_parameter *gml_parameters(gml_operation operation, int *count)
{
    if (count)
        *count = operations[operation].count;
    return operations[operation].parameter;
}

static int values_set(const gml_choice *choice)
{
    int count = 0;
    for (int i = 0; i < GML_CHOICE_VALUES; i++)
        count += choice->value[i] != 0;
    return count;
}

bool gml_choice_is_model(const gml_choice *choice)
{
    return values_set(choice) == 0;
}

int gml_choice_compare(const gml_choice *x, const gml_choice *y)
{
    const int set_x = values_set(x), set_y = values_set(y);
    if (set_x != set_y)
        return set_x < set_y ? -1 : 1;
    for (int i = 0; i < GML_CHOICE_VALUES; i++)
        if (x->value[i] != y->value[i])
            return x->value[i] < y->value[i] ? -1 : 1;
    return 0;
}

/* Text. */

static const char nothing_chosen[] = "model";

size_t gml_choice_write(gml_operation operation, const gml_choice *choice, char *text, size_t size)
{
    size_t length = 0;
    const gml_parameter *p = operations[operation].parameter;
    if (gml_choice_is_model(choice))
        return (size_t)snprintf(text, size, "%s", nothing_chosen);
    for (int i = 0; p[i].name; i++) {
        char *to = length < size ? text + length : NULL;
        const size_t room = to ? size - length : 0;
        const char *comma = length ? "," : "";
        const int32_t value = choice->value[i];
        if (value == 0)
            continue;
        length += (size_t)(p[i].names ? snprintf(to, room, "%s%s=%s", comma, p[i].name, p[i].names[value - 1])
                                      : snprintf(to, room, "%s%s=%d", comma, p[i].name, (int)value));
    }
    return length;
}

/* A piece of the text, not terminated. */
typedef struct piece {
    const char *text;
    size_t length;
} piece;

static bool is(piece p, const char *name)
{
    return strlen(name) == p.length && memcmp(p.text, name, p.length) == 0;
}

/* Takes what comes before `end` off the rest, and `end`; false where there is none. */
static bool take_until(piece *rest, char end, piece *taken)
{
    const char *at = memchr(rest->text, end, rest->length);
    if (!at)
        return false;
    *taken = (piece){rest->text, (size_t)(at - rest->text)};
    *rest = (piece){at + 1, rest->length - taken->length - 1};
    return true;
}

/* The number in [1, most] that is written without sign and leading zeros; 0 where there is none. */
static int32_t number_of(piece p, int32_t most)
{
    int64_t value = 0;
    if (p.length > 0 && p.text[0] == '0')
        return 0;
    for (size_t i = 0; i < p.length; i++) {
        if (p.text[i] < '0' || p.text[i] > '9')
            return 0;
        value = 10 * value + (p.text[i] - '0');
        if (value > most)
            return 0;
    }
    return (int32_t)value;
}

/* The value that a text stands for; 0 where it is none of the parameter's. */
static int32_t value_of(const gml_parameter *parameter, piece p)
{
    if (!parameter->names)
        return number_of(p, parameter->most);
    for (int32_t i = 0; parameter->names[i]; i++)
        if (is(p, parameter->names[i]))
            return i + 1;
    return 0;
}

bool gml_choice_read(gml_operation operation, const char *text, size_t length, gml_choice *choice)
{
    const gml_parameter *p = operations[operation].parameter;
    gml_choice read = {.value = {0}};
    piece rest = {text, length}, item, name;
    bool more = !is(rest, nothing_chosen);
    while (more) {
        more = take_until(&rest, ',', &item);
        if (!more)
            item = rest;
        if (!take_until(&item, '=', &name))
            return false;
        int i = 0;
        while (p[i].name && !is(name, p[i].name))
            i++;
        if (!p[i].name || read.value[i])
            return false;
        read.value[i] = value_of(&p[i], item);
        if (!read.value[i])
            return false;
    }
    *choice = read;
    return true;
}
