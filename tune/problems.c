/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lists of problems. Whatever is wrong with a line is said with its file and number; nothing is guessed, and a list is
 * taken as a whole or not at all. Both forms of a line are put into the words of key.h, which has the last say.
 */
#include "tune/problems.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MOST  (INT64_C(1) << 40) /* of key.h */
#define COUNT_MOST (INT64_C(1) << 53) /* doubles count so far */
#define WORDS_MOST 24
#define SIZES_MOST 6

static const struct form {
    const char *operation, *layout;   /* and the layout of those who say none */
    const char *sizes[SIZES_MOST];    /* of the form for people               */
    const char *options[SIZES_MOST];  /* and what may follow them             */
    const char *recorded[SIZES_MOST]; /* of the other form: key.h's names     */
    bool f64, empty;                  /* it has that type; sizes may be 0     */
} forms[GML_OPERATIONS] = {
    {"gemm", "nn0", {"M", "N", "K"}, {"batch"}, {"m", "n", "k", "batch"}, true, false},
    {"softmax", "-", {"ROWS", "COLS"}, {NULL}, {"rows", "cols"}, false, false},
    {"attention",
     "-",
     {"BATCH", "HEADS", "Q_LEN", "KV_LEN", "HEAD_DIM"},
     {"kv_heads", "v_head_dim"},
     {"sequences", "group", "q_len", "kv_len", "head_dim", "v_head_dim"},
     false,
     true},
};

typedef struct word {
    const char *text;
    int length;
} word;

/* A line while it is read. */
typedef struct line {
    const char *name;
    int64_t number;
    char *sentence;
    size_t sentence_size;
    int words;
    word word[WORDS_MOST];
    const struct form *form;
    int64_t size[SIZES_MOST]; /* by the names of key.h */
    word type, layout;        /* text NULL: not said   */
    int64_t threads, count;   /* 0: not said           */
} line;

/* The list while it grows, and where each key is in it: open addressing by its hash, -1 for nothing. */
#define SLOTS (2 * TUNE_TASKS_MOST)
typedef struct growing {
    tune_list list;
    int64_t lines; /* that are problems */
    int32_t slot[SLOTS];
} growing;

static bool refuse(const line *at, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool refuse(const line *at, const char *format, ...)
{
    char what[160];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    snprintf(at->sentence, at->sentence_size, "%.120s:%" PRId64 ": %s", at->name, at->number, what);
    return false;
}

static bool is(word w, const char *text)
{
    return strlen(text) == (size_t)w.length && !memcmp(w.text, text, (size_t)w.length);
}

/* How much of a word a sentence shows. */
static int shown(word w)
{
    return w.length < 40 ? w.length : 40;
}

static bool read_number(const line *at, const char *what, word w, int64_t low, int64_t high, int64_t *number)
{
    int64_t value = 0;
    bool whole = w.length > 0;
    for (int i = 0; i < w.length && whole; i++) {
        const int digit = w.text[i] - '0';
        whole = digit >= 0 && digit <= 9 && value <= (INT64_MAX - digit) / 10;
        if (whole)
            value = 10 * value + digit;
    }
    if (!whole || value < low || value > high)
        return refuse(at, "%s is '%.*s', must be a whole number from %" PRId64 " to %" PRId64, what, shown(w),
                      w.text, low, high);
    *number = value;
    return true;
}

/* Cuts a line at blanks, up to a comment. */
static bool cut(line *at, const char *text, size_t length)
{
    if (length && text[length - 1] == '\r')
        length--;
    at->words = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c == '\t' || c == ' ')
            continue;
        if (c == '#')
            break;
        if (at->words == WORDS_MOST)
            return refuse(at, "has more than %d words", WORDS_MOST);
        word *w = &at->word[at->words++];
        *w = (word){text + i, 0};
        for (; i < length && text[i] != ' ' && text[i] != '\t'; i++, w->length++)
            if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
                return refuse(at, "has the byte 0x%02x, which is no text", (unsigned char)text[i]);
    }
    return true;
}

static bool find_form(line *at, word operation)
{
    for (int i = 0; i < GML_OPERATIONS; i++)
        if (is(operation, forms[i].operation)) {
            at->form = &forms[i];
            return true;
        }
    return refuse(at, "there is no operation '%.*s', only gemm, softmax and attention", shown(operation),
                  operation.text);
}

/* The place of a name in a list of names that ends with NULL or is full; -1: it is none. */
static int find_name(const char *const names[SIZES_MOST], word name)
{
    for (int i = 0; i < SIZES_MOST && names[i]; i++)
        if (is(name, names[i]))
            return i;
    return -1;
}

/* The words from `first` on, all name=value: to the values of `names`, from `low` on, 0 being "not said" with those of
 * people; and what both forms have. */
static bool read_options(line *at, int first, const char *const names[SIZES_MOST], int64_t low,
                         int64_t *value, unsigned *said)
{
    *said = 0;
    for (int i = first; i < at->words; i++) {
        const word w = at->word[i];
        const char *equals = memchr(w.text, '=', (size_t)w.length);
        if (!equals)
            return refuse(at, "'%.*s' is neither a size nor an option", shown(w), w.text);
        const word name = {w.text, (int)(equals - w.text)},
                   text = {equals + 1, w.length - (int)(equals - w.text) - 1};
        const int place = find_name(names, name);
        bool again = false, fine = true;
        if (place >= 0) {
            again = *said & 1u << place;
            *said |= 1u << place;
            fine = again || read_number(at, names[place], text, low, SIZE_MOST, &value[place]);
        } else if (is(name, "type")) {
            again = at->type.text;
            at->type = text;
        } else if (is(name, "layout")) {
            again = at->layout.text;
            at->layout = text;
        } else if (is(name, "threads")) {
            again = at->threads;
            fine = again || read_number(at, "threads", text, 1, GML_MAX_THREADS, &at->threads);
        } else if (is(name, "count")) {
            again = at->count;
            fine = again || read_number(at, "count", text, 1, COUNT_MOST, &at->count);
        } else if (!is(name, "op")) {
            return refuse(at, "%s has no option '%.*s'", at->form->operation, shown(name), name.text);
        }
        if (again)
            return refuse(at, "'%.*s' is there twice", shown(name), name.text);
        if (!fine)
            return false;
    }
    return true;
}

/* Sizes of attention as people say them, to those of key.h. */
static bool settle_attention(line *at, const int64_t sizes[SIZES_MOST], const int64_t options[SIZES_MOST])
{
    const int64_t batch = sizes[0], heads = sizes[1], kv_heads = options[0] ? options[0] : heads;
    if (heads % kv_heads)
        return refuse(at, "HEADS is %" PRId64 ", must be a multiple of kv_heads, %" PRId64, heads, kv_heads);
    if (batch > SIZE_MOST / kv_heads)
        return refuse(at, "BATCH times key heads is more than %" PRId64, SIZE_MOST);
    const int64_t key[SIZES_MOST] = {batch * kv_heads, heads / kv_heads, sizes[2],
                                     sizes[3],         sizes[4],         options[1] ? options[1] : sizes[4]};
    memcpy(at->size, key, sizeof key);
    return true;
}

/* "gemm 4096 4096 512 batch=8" */
static bool read_people(line *at)
{
    if (!find_form(at, at->word[0]))
        return false;
    const struct form *form = at->form;
    int64_t sizes[SIZES_MOST] = {0}, options[SIZES_MOST] = {0};
    int count = 0;
    while (count < SIZES_MOST && form->sizes[count])
        count++;
    for (int i = 0; i < count; i++) {
        if (i + 1 >= at->words || memchr(at->word[i + 1].text, '=', (size_t)at->word[i + 1].length))
            return refuse(at, "%s takes %d sizes, there are %d", form->operation, count, i);
        if (!read_number(at, form->sizes[i], at->word[i + 1], 1, SIZE_MOST, &sizes[i]))
            return false;
    }
    unsigned said;
    if (!read_options(at, count + 1, form->options, 1, options, &said))
        return false;
    if (form - forms == GML_OPERATION_ATTENTION)
        return settle_attention(at, sizes, options);
    memcpy(at->size, sizes, sizeof sizes);
    if (form - forms == GML_OPERATION_GEMM)
        at->size[3] = options[0] ? options[0] : 1;
    return true;
}

/* "op=gemm type=f32 ..." */
static bool read_recorded(line *at)
{
    const word *operation = NULL;
    for (int i = 0; i < at->words; i++)
        if (at->word[i].length >= 3 && !memcmp(at->word[i].text, "op=", 3)) {
            if (operation)
                return refuse(at, "'op' is there twice");
            operation = &at->word[i];
        }
    if (!operation)
        return refuse(at, "op= is missing");
    if (!find_form(at, (word){operation->text + 3, operation->length - 3}))
        return false;
    unsigned said;
    if (!read_options(at, 0, at->form->recorded, !at->form->empty, at->size, &said))
        return false;
    for (int i = 0; i < SIZES_MOST && at->form->recorded[i]; i++)
        if (!(said & 1u << i))
            return refuse(at, "%s= is missing", at->form->recorded[i]);
    if (!at->type.text || !at->layout.text)
        return refuse(at, "%s= is missing", at->type.text ? "layout" : "type");
    return true;
}

/* The key of a line that was read, for one thread. */
static bool make_key(line *at, gml_key *key)
{
    const struct form *form = at->form;
    const word type = at->type.text ? at->type : (word){"f32", 3};
    const word layout = at->layout.text ? at->layout : (word){form->layout, (int)strlen(form->layout)};
    if (!is(type, "f32") && !(form->f64 && is(type, "f64")))
        return refuse(at, "type is '%.*s', must be %s", shown(type), type.text,
                      form->f64 ? "f32 or f64" : "f32");
    char text[GML_KEY_TEXT + WORDS_MOST];
    int used = snprintf(text, sizeof text, "op=%s type=%.*s layout=%.*s threads=1", form->operation,
                        type.length, type.text, shown(layout), layout.text);
    for (int i = 0; i < SIZES_MOST && form->recorded[i]; i++)
        used +=
            snprintf(text + used, sizeof text - (size_t)used, " %s=%" PRId64, form->recorded[i], at->size[i]);
    if (layout.length > shown(layout) || !gml_key_read(text, (size_t)used, key))
        return refuse(at, "'%.*s' is no layout of %s", shown(layout), layout.text, form->operation);
    return true;
}

bool tune_problems_add(tune_list *list, const gml_key *key, double weight)
{
    if (list->count == list->room) {
        const int room = list->room ? 2 * list->room : 64;
        tune_task *task = realloc(list->task, (size_t)room * sizeof *task);
        if (!task)
            return false;
        list->task = task;
        list->room = room;
    }
    list->task[list->count++] = (tune_task){*key, weight};
    return true;
}

void tune_list_free(tune_list *list)
{
    free(list->task);
    *list = (tune_list){0};
}

/* Adds a problem, or its weight to that of the same. */
static bool add(growing *to, const line *at, const gml_key *key, double weight)
{
    size_t slot = (size_t)(gml_key_hash(key) % SLOTS);
    for (; to->slot[slot] >= 0; slot = (slot + 1) % SLOTS) {
        tune_task *task = &to->list.task[to->slot[slot]];
        if (gml_key_equal(&task->key, key)) {
            task->weight += weight;
            return true;
        }
    }
    if (to->list.count == TUNE_TASKS_MOST)
        return refuse(at, "is one problem too many: there are %d, each thread count being one",
                      TUNE_TASKS_MOST);
    to->slot[slot] = to->list.count;
    return tune_problems_add(&to->list, key, weight) || refuse(at, "no memory for so many problems");
}

static bool read_line(growing *to, line *at, const char *text, size_t length, const tune_threads *threads)
{
    if (!cut(at, text, length))
        return false;
    if (!at->words)
        return true;
    at->type = at->layout = (word){NULL, 0};
    at->threads = at->count = 0;
    memset(at->size, 0, sizeof at->size);
    gml_key key;
    const bool recorded = memchr(at->word[0].text, '=', (size_t)at->word[0].length);
    if (!(recorded ? read_recorded(at) : read_people(at)) || !make_key(at, &key))
        return false;
    to->lines++;
    const double weight = at->count ? (double)at->count : 1.0;
    if (at->threads && !threads->all) {
        key.threads = (int32_t)at->threads;
        return add(to, at, &key, weight);
    }
    for (int i = 0; i < threads->counts; i++) {
        key.threads = threads->count[i];
        if (!add(to, at, &key, weight))
            return false;
    }
    return true;
}

static bool read_lines(growing *to, const char *name, const char *text, size_t size,
                       const tune_threads *threads, char *sentence, size_t sentence_size)
{
    line at = {.name = name, .sentence = sentence, .sentence_size = sentence_size};
    for (const char *end = text + size; text < end;) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        if (!stop)
            stop = end;
        at.number++;
        if (!read_line(to, &at, text, (size_t)(stop - text), threads))
            return false;
        text = stop + (stop < end);
    }
    return true;
}

bool tune_problems_read(tune_list *list, const char *name, const char *text, size_t size,
                        const tune_threads *threads, char *sentence, size_t sentence_size)
{
    const line at = {.name = name, .sentence = sentence, .sentence_size = sentence_size};
    growing *to = calloc(1, sizeof *to);
    bool fine = to;
    if (fine)
        memset(to->slot, -1, sizeof to->slot);
    for (int i = 0; fine && i < list->count; i++)
        fine = add(to, &at, &list->task[i].key, list->task[i].weight);
    if (!fine) {
        snprintf(sentence, sentence_size, "%.120s: no memory to read it", name);
    } else {
        fine = read_lines(to, name, text, size, threads, sentence, sentence_size);
        if (fine && !to->lines) {
            snprintf(sentence, sentence_size, "%.120s: holds no problem", name);
            fine = false;
        }
    }
    if (fine) {
        tune_list_free(list);
        *list = to->list;
    } else if (to) {
        tune_list_free(&to->list);
    }
    free(to);
    return fine;
}

bool tune_problems_load(tune_list *list, const char *path, const tune_threads *threads, char *sentence,
                        size_t sentence_size)
{
    FILE *file = fopen(path, "rb");
    char *text = file ? malloc(TUNE_LIST_MOST + 1) : NULL;
    bool fine = false;
    if (!file) {
        snprintf(sentence, sentence_size, "%.120s: %s", path, strerror(errno));
    } else if (!text) {
        snprintf(sentence, sentence_size, "%.120s: no memory to read it", path);
    } else {
        errno = 0;
        const size_t size = fread(text, 1, TUNE_LIST_MOST + 1, file);
        if (ferror(file))
            snprintf(sentence, sentence_size, "%.120s: %s", path, strerror(errno));
        else if (size > TUNE_LIST_MOST)
            snprintf(sentence, sentence_size, "%.120s: is larger than %zu MiB", path, TUNE_LIST_MOST >> 20);
        else
            fine = tune_problems_read(list, path, text, size, threads, sentence, sentence_size);
    }
    if (file)
        fclose(file);
    free(text);
    return fine;
}

bool tune_duration(const char *text, double *seconds)
{
    double value = 0.0, place = 1.0;
    const char *at = text;
    bool digits = false, point = false;
    for (; (*at >= '0' && *at <= '9') || (*at == '.' && !point); at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        digits = true;
        value = 10.0 * value + (*at - '0');
        place *= point ? 10.0 : 1.0;
    }
    const double unit = *at == 'h' ? 3600.0 : *at == 'm' ? 60.0 : 1.0;
    at += *at == 'h' || *at == 'm' || *at == 's';
    value = value / place * unit;
    if (!digits || *at || !(value > 0.0 && value <= 366.0 * 86400.0))
        return false;
    *seconds = value;
    return true;
}
