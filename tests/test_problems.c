/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lists of problems: both forms, the threads of those that say none, weights, and a sentence with file and line for
 * whatever is no problem; durations.
 */
#define _POSIX_C_SOURCE 200809L /* mkstemp */
#include "tests/suite.h"
#include "tune/problems.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int32_t one_two[] = {1, 2};
static const tune_threads both = {one_two, 2, false}, both_for_all = {one_two, 2, true},
                          one = {one_two, 1, false};

static tune_list list;
static char sentence[200];

static bool read_bytes(const char *text, size_t size, const tune_threads *threads)
{
    tune_list_free(&list);
    sentence[0] = '\0';
    return tune_problems_read(&list, "shapes.txt", text, size, threads, sentence, sizeof sentence);
}

static bool read_text(const char *text, const tune_threads *threads)
{
    return read_bytes(text, strlen(text), threads);
}

/* Task i is the problem that `key` says, with a weight. */
static void expect(int i, const char *key, double weight)
{
    gml_key expected;
    ck_assert_msg(gml_key_read(key, strlen(key), &expected), "the test's key: %s", key);
    ck_assert_int_lt(i, list.count);
    char text[GML_KEY_TEXT];
    gml_key_write(&list.task[i].key, text, sizeof text);
    ck_assert_msg(gml_key_equal(&list.task[i].key, &expected), "task %d is %s, not %s", i, text, key);
    ck_assert_double_eq(list.task[i].weight, weight);
}

static void refused(const char *text, const char *said)
{
    ck_assert_msg(!read_text(text, &one), "accepted: %s", text);
    ck_assert_msg(!strcmp(sentence, said), "'%s', not '%s'", sentence, said);
    ck_assert_int_eq(list.count, 0);
}

START_TEST(people)
{
    ck_assert_msg(read_text("# sizes as explain takes them\n"
                            "\n"
                            "gemm 4096 2048 512 type=f64 layout=nt0 batch=8\n"
                            "  softmax\t32768 1024   # a comment\r\n"
                            "attention 2 32 2048 1024 128 kv_heads=8 v_head_dim=96 layout=c threads=3\n"
                            "attention 1 12 100 200 64 count=7\n"
                            "gemm 100 200 300",
                            &one),
                  "%s", sentence);
    ck_assert_int_eq(list.count, 5);
    expect(0, "op=gemm type=f64 layout=nt0 threads=1 m=4096 n=2048 k=512 batch=8", 1);
    expect(1, "op=softmax type=f32 layout=- threads=1 rows=32768 cols=1024", 1);
    expect(
        2,
        "op=attention type=f32 layout=c threads=3 sequences=16 group=4 q_len=2048 kv_len=1024 head_dim=128 "
        "v_head_dim=96",
        1);
    expect(3,
           "op=attention type=f32 layout=- threads=1 sequences=12 group=1 q_len=100 kv_len=200 head_dim=64 "
           "v_head_dim=64",
           7);
    expect(4, "op=gemm type=f32 layout=nn0 threads=1 m=100 n=200 k=300 batch=1", 1);
}
END_TEST

START_TEST(recorded)
{
    ck_assert_msg(
        read_text(
            "op=gemm type=f32 layout=nn0 threads=2 m=1 n=4096 k=4096 batch=1 count=96000\n"
            "count=3 rows=5 cols=77 layout=im threads=1 type=f32 op=softmax\n"
            "op=attention type=f32 layout=cs threads=4 sequences=8 group=4 q_len=1 kv_len=0 head_dim=64 "
            "v_head_dim=64\n",
            &one),
        "%s", sentence);
    ck_assert_int_eq(list.count, 3);
    expect(0, "op=gemm type=f32 layout=nn0 threads=2 m=1 n=4096 k=4096 batch=1", 96000);
    expect(1, "op=softmax type=f32 layout=im threads=1 rows=5 cols=77", 3);
    ck_assert_int_eq(list.task[2].key.size[3], 0);
}
END_TEST

/* Whatever key.h writes is read back. */
START_TEST(every_key)
{
    for (int operation = 0; operation < GML_OPERATIONS; operation++)
        for (int layout = 0; layout < 64; layout++) {
            const gml_key key = {.operation = (uint8_t)operation,
                                 .type = GML_F32,
                                 .layout = (uint16_t)layout,
                                 .threads = 1 + layout,
                                 .size = {layout + 1, 7, 6, operation ? 5 : 1, 3, 2}};
            char text[GML_KEY_TEXT];
            gml_key again;
            if (gml_key_write(&key, text, sizeof text) >= sizeof text ||
                !gml_key_read(text, strlen(text), &again))
                continue; /* no such layout */
            ck_assert_msg(read_text(text, &one), "%s", sentence);
            ck_assert_int_eq(list.count, 1);
            ck_assert_msg(gml_key_equal(&again, &list.task[0].key), "%s", text);
        }
}
END_TEST

START_TEST(thread_counts)
{
    const char *text = "gemm 100 100 100\nsoftmax 10 10 threads=5\n";
    ck_assert(read_text(text, &both));
    ck_assert_int_eq(list.count, 3);
    ck_assert_int_eq(list.task[0].key.threads, 1);
    ck_assert_int_eq(list.task[1].key.threads, 2);
    ck_assert_int_eq(list.task[2].key.threads, 5);
    ck_assert(read_text(text, &both_for_all));
    ck_assert_int_eq(list.count, 4);
    ck_assert_int_eq(list.task[2].key.threads, 1);
    ck_assert_int_eq(list.task[3].key.threads, 2);
}
END_TEST

START_TEST(duplicates)
{
    ck_assert(read_text("gemm 9 9 9 count=5\nsoftmax 9 9\ngemm 9 9 9\n"
                        "op=gemm type=f32 layout=nn0 threads=1 m=9 n=9 k=9 batch=1 count=10\n",
                        &one));
    ck_assert_int_eq(list.count, 2);
    ck_assert_double_eq(list.task[0].weight, 16);
    ck_assert_double_eq(list.task[1].weight, 1);
    const char *more = "gemm 9 9 9 count=4\ngemm 9 9 8\n";
    ck_assert(tune_problems_read(&list, "more", more, strlen(more), &one, sentence, sizeof sentence));
    ck_assert_int_eq(list.count, 3);
    ck_assert_double_eq(list.task[0].weight, 20);
    const char *bad = "gemm 9 9 9\ngemm 9 9 7\ngemm 9 9\n";
    ck_assert(!tune_problems_read(&list, "bad", bad, strlen(bad), &one, sentence, sizeof sentence));
    ck_assert_str_eq(sentence, "bad:3: gemm takes 3 sizes, there are 2");
    ck_assert_int_eq(list.count, 3);
    ck_assert_double_eq(list.task[0].weight, 20);
}
END_TEST

START_TEST(bad_lines)
{
    const struct {
        const char *line, *said;
    } bad[] = {
        {"garbage", "there is no operation 'garbage', only gemm, softmax and attention"},
        {"gemm", "gemm takes 3 sizes, there are 0"},
        {"gemm 1 2", "gemm takes 3 sizes, there are 2"},
        {"gemm 1 2 type=f32", "gemm takes 3 sizes, there are 2"},
        {"gemm 1 2 3 4", "'4' is neither a size nor an option"},
        {"gemm 0 2 3", "M is '0', must be a whole number from 1 to 1099511627776"},
        {"gemm 1 -2 3", "N is '-2', must be a whole number from 1 to 1099511627776"},
        {"gemm 1 2 3x", "K is '3x', must be a whole number from 1 to 1099511627776"},
        {"gemm 1 2 1099511627777", "K is '1099511627777', must be a whole number from 1 to 1099511627776"},
        {"gemm 1 2 99999999999999999999999",
         "K is '99999999999999999999999', must be a whole number from 1 to "
         "1099511627776"},
        {"gemm 1 2 3 batch=0", "batch is '0', must be a whole number from 1 to 1099511627776"},
        {"gemm 1 2 3 batch=", "batch is '', must be a whole number from 1 to 1099511627776"},
        {"gemm 1 2 3 batch=2 batch=2", "'batch' is there twice"},
        {"gemm 1 2 3 type=f16", "type is 'f16', must be f32 or f64"},
        {"gemm 1 2 3 layout=xyz", "'xyz' is no layout of gemm"},
        {"gemm 1 2 3 layout=", "'' is no layout of gemm"},
        {"gemm 1 2 3 threads=0", "threads is '0', must be a whole number from 1 to 1024"},
        {"gemm 1 2 3 threads=1025", "threads is '1025', must be a whole number from 1 to 1024"},
        {"gemm 1 2 3 count=0", "count is '0', must be a whole number from 1 to 9007199254740992"},
        {"gemm 1 2 3 kv_heads=2", "gemm has no option 'kv_heads'"},
        {"gemm 1 2 3 =2", "gemm has no option ''"},
        {"softmax 1 2 type=f64", "type is 'f64', must be f32"},
        {"softmax 1 2 layout=nn0", "'nn0' is no layout of softmax"},
        {"attention 1 6 2 3 4 kv_heads=4", "HEADS is 6, must be a multiple of kv_heads, 4"},
        {"attention 1099511627776 2 2 3 4", "BATCH times key heads is more than 1099511627776"},
        {"op=fft n=3", "there is no operation 'fft', only gemm, softmax and attention"},
        {"m=3 n=4", "op= is missing"},
        {"op=gemm op=gemm", "'op' is there twice"},
        {"op=softmax type=f32 layout=- threads=1 rows=4", "cols= is missing"},
        {"op=softmax layout=- threads=1 rows=4 cols=3", "type= is missing"},
        {"op=softmax type=f32 threads=1 rows=4 cols=3", "layout= is missing"},
        {"op=softmax type=f32 layout=- threads=1 rows=0 cols=3",
         "rows is '0', must be a whole number from 1 to 1099511627776"},
        {"op=softmax type=f32 layout=- threads=1 rows=4 cols=3 rows=4", "'rows' is there twice"},
        {"op=softmax type=f32 layout=- threads=1 rows=4 cols=3 m=4", "softmax has no option 'm'"},
        {"a b c d e f g h i j k l m n o p q r s t u v w x y", "has more than 24 words"},
        {"gemm 1 2 \033[31m3", "has the byte 0x1b, which is no text"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char said[200];
        snprintf(said, sizeof said, "shapes.txt:1: %s", bad[i].said);
        refused(bad[i].line, said);
    }
}
END_TEST

START_TEST(place)
{
    char text[400] = "";
    for (int i = 0; i < 16; i++)
        strcat(text, i % 2 ? "# nothing\r\n" : "gemm 10 20 30\r\n");
    strcat(text, "%PDF-1.4\r\ngemm 1 2 3\r\n");
    refused(text, "shapes.txt:17: there is no operation '%PDF-1.4', only gemm, softmax and attention");
}
END_TEST

START_TEST(no_text)
{
    const char nul[] = "gemm 1 2 3\ngemm 1 \0 3\n";
    ck_assert(!read_bytes(nul, sizeof nul - 1, &one));
    ck_assert_str_eq(sentence, "shapes.txt:2: has the byte 0x00, which is no text");
    refused("", "shapes.txt: holds no problem");
    refused("\n\r\n# only this\n", "shapes.txt: holds no problem");
    char word[300];
    memset(word, 'x', sizeof word);
    word[sizeof word - 1] = '\0';
    refused(
        word,
        "shapes.txt:1: there is no operation 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', only gemm, softmax "
        "and attention");
}
END_TEST

/* Every prefix of a list, and every byte of it changed, is read or refused, and never with less than a sentence. */
START_TEST(damaged)
{
    const char text[] = "gemm 40 50 60 type=f64 layout=nt1 batch=8 threads=2 count=3\n"
                        "op=softmax type=f32 layout=imc threads=2 rows=1 cols=4096 count=9\n"
                        "attention 1 4 20 30 16 kv_heads=2 v_head_dim=8 layout=cst\n";
    char copy[sizeof text];
    for (size_t i = 0; i < sizeof text; i++) {
        memcpy(copy, text, i);
        ck_assert(read_bytes(copy, i, &both) != (*sentence != '\0'));
    }
    for (size_t i = 0; i < sizeof text; i++)
        for (int change = 1; change < 256; change += change) {
            memcpy(copy, text, sizeof text);
            copy[i] = (char)(copy[i] ^ change);
            ck_assert(read_bytes(copy, sizeof text - 1, &both) != (*sentence != '\0'));
        }
}
END_TEST

START_TEST(too_many)
{
    const size_t room = (size_t)(TUNE_TASKS_MOST + 1) * 24;
    char *text = malloc(room);
    ck_assert_ptr_nonnull(text);
    size_t used = 0;
    for (int i = 1; i <= TUNE_TASKS_MOST + 1; i++)
        used += (size_t)snprintf(text + used, room - used, "gemm %d 40 40\n", i);
    ck_assert(!read_bytes(text, used, &one));
    ck_assert_str_eq(
        sentence, "shapes.txt:16385: is one problem too many: there are 16384, each thread count being one");
    const size_t last = used - strlen("gemm 16385 40 40\n");
    ck_assert_msg(read_bytes(text, last, &one), "%s", sentence);
    ck_assert_int_eq(list.count, TUNE_TASKS_MOST);
    free(text);
}
END_TEST

START_TEST(files)
{
    char path[] = "/tmp/gemmule-problems-XXXXXX";
    const int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(write(descriptor, "gemm 1 2 3\n", 11), 11);
    close(descriptor);
    tune_list_free(&list);
    ck_assert(tune_problems_load(&list, path, &both, sentence, sizeof sentence));
    ck_assert_int_eq(list.count, 2);
    unlink(path);
    ck_assert(!tune_problems_load(&list, path, &both, sentence, sizeof sentence));
    ck_assert_ptr_nonnull(strstr(sentence, ": No such file or directory"));
    ck_assert(!tune_problems_load(&list, "/", &both, sentence, sizeof sentence));
    ck_assert_str_eq(sentence, "/: Is a directory");
    ck_assert_int_eq(list.count, 2);
    tune_list_free(&list);
}
END_TEST

START_TEST(durations)
{
    const struct {
        const char *text;
        double seconds;
    } good[] = {{"30s", 30},    {"5m", 300}, {"1.5h", 5400}, {"90", 90},
                {"0.25", 0.25}, {".5m", 30}, {"2.s", 2}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double seconds = NAN;
        ck_assert_msg(tune_duration(good[i].text, &seconds), "%s", good[i].text);
        ck_assert_double_eq_tol(seconds, good[i].seconds, 1e-9);
    }
    const char *const bad[] = {"",    "0",   "0s",  "-1",   "+1",    " 1",
                               "1 ",  "s",   ".",   "1x",   "1ms",   "1sm",
                               "inf", "nan", "1e3", "0x10", "1.2.3", "99999999999999999999999h"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double seconds = 7.0;
        ck_assert_msg(!tune_duration(bad[i], &seconds), "%s", bad[i]);
        ck_assert_double_eq(seconds, 7.0);
    }
}
END_TEST

int main(void)
{
    return suite_run("problems", 60,
                     (const TTest *const[]){people, recorded, every_key, thread_counts, duplicates, bad_lines,
                                            place, no_text, damaged, too_many, files, durations, NULL});
}
