/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files of wisdom that take the place of others: what compaction joins and what it leaves alone, and what pruning takes
 * back.
 */
#include "src/core/select.h"
#include "tests/store.h"
#include "tune/retire.h"

/* Seconds since 1970 of made-up runs, one a minute. */
enum { THEN = 1767268800, MINUTE = 60 };

static int compacted(void)
{
    const int removed = tune_store_compact(directory, sentence);
    ck_assert_msg(removed >= 0, "%s", sentence);
    return removed;
}

START_TEST(compaction_joins_what_has_ended)
{
    begin();
    char name[5][GML_RUN_TEXT];
    put_run(THEN, 1, 3, true, name[0]);
    put_run(THEN + MINUTE, 2, 5, true, name[1]);
    put_run(THEN + 2 * MINUTE, 5, 7, false, name[2]); /* it runs */
    put_run(THEN + 3 * MINUTE, 6, 8, true, name[3]);
    ck_assert_int_eq(compacted(), 3);
    contents in;
    read_contents(&in);
    ck_assert_int_eq(in.files, 2);
    /* the new file is in the place of the newest of the old ones, and newest first inside */
    ck_assert(!strncmp(in.name[0], name[3], strlen(name[3])) && strlen(in.name[0]) == 39 + 7);
    ck_assert(tune_run_is_name(in.name[0], 39));
    ck_assert(!strncmp(in.name[1], name[2], strlen(name[2])));
    static const struct {
        int run;
        int64_t number;
    } are[] = {{3, 6}, {3, 7}, {1, 2}, {1, 3}, {1, 4}, {0, 1}, {0, 2}, {2, 5}, {2, 6}};
    ck_assert_int_eq(in.list.count, (int64_t)(sizeof are / sizeof *are));
    for (int i = 0; i < in.list.count; i++) {
        ck_assert_int_eq(in.list.entry[i].key.size[0], are[i].number);
        ck_assert_str_eq(in.list.entry[i].run, name[are[i].run]);
    }
    const contents first = in;
    ck_assert_int_eq(compacted(), 0); /* once more is the same */
    read_contents(&in);
    ck_assert_int_eq(in.files, 2);
    ck_assert_str_eq(in.name[0], first.name[0]);
    gml_wisdom_list_free(&in.list);

    char late[64];
    snprintf(late, sizeof late, "%s%s", name[2], TUNE_SUFFIX);
    age(late); /* it was killed */
    ck_assert_int_eq(compacted(), 2);
    read_contents(&in);
    ck_assert_int_eq(in.files, 1);
    ck_assert_int_eq(in.list.count, first.list.count);
    gml_wisdom_list_free(&in.list);

    in = first;
    gml_wisdom_list_free(&in.list);
    finish();
}
END_TEST

/* The same entries come out in whatever order files are joined. */
START_TEST(compaction_is_one_whatever_the_order)
{
    char *texts[2];
    size_t sizes[2];
    for (int order = 0; order < 2; order++) {
        begin();
        char name[GML_RUN_TEXT];
        for (int i = 0; i < 7; i++) {
            put_run(THEN + (order ? 6 - i : i) * MINUTE, 1, 3 + (order ? 6 - i : i), true, name);
            if (order ? i % 2 : i == 4)
                compacted();
        }
        compacted();
        contents in;
        read_contents(&in);
        ck_assert_int_eq(in.files, 1);
        ck_assert_int_eq(occurrences(&in, 1), TUNE_ENTRIES_KEPT);
        ck_assert_int_eq(occurrences(&in, 4), TUNE_ENTRIES_KEPT);
        ck_assert_int_eq(occurrences(&in, 7), 2);
        gml_wisdom_list_free(&in.list);
        const int from = open(directory, O_RDONLY | O_DIRECTORY);
        texts[order] = read_text(from, in.name[0], &sizes[order]);
        close(from);
        finish();
    }
    ck_assert_uint_eq(sizes[0], sizes[1]);
    ck_assert_mem_eq(texts[0], texts[1], sizes[0]);
    free(texts[0]);
    free(texts[1]);
}
END_TEST

static size_t line_of(uint64_t machine, char line[GML_WISDOM_LINE])
{
    gml_wisdom_entry entry = numbered(77);
    entry.machine = machine;
    return gml_wisdom_write(&entry, line);
}

START_TEST(compaction_leaves_others_alone)
{
    begin();
    char name[GML_RUN_TEXT], line[GML_WISDOM_LINE];
    put_run(THEN, 1, 2, true, name);
    put_run(THEN + MINUTE, 2, 3, true, name);

    static const char newer[] = "gemmule-wisdom 2\nentry of another kind\nend\n";
    put("20270101T120000Z-9f2c41d7ab12.wisdom", newer, sizeof newer - 1);
    put("20270101T120001Z-9f2c41d7ab12.wisdom", "", 0);
    put("fleet.wisdom", "gemmule-wisdom 1\n", 17);
    put("notes.txt", "mine", 4);
    put(".20260101T120000Z-9f2c41d7ab12.wisdom.00000001.tmp", "old", 3);
    put(".20260101T120000Z-9f2c41d7ab12.wisdom.00000002.tmp", "young", 5);
    age(".20260101T120000Z-9f2c41d7ab12.wisdom.00000001.tmp");
    put_run(THEN + 2 * MINUTE, 3, 4, true, name);
    char writable[600];
    snprintf(writable, sizeof writable, "%s/%s%s", directory, name, TUNE_SUFFIX);
    ck_assert_int_eq(chmod(writable, 0620), 0);
    snprintf(writable, sizeof writable, "%s/20270101T120002Z-9f2c41d7ab12.wisdom", directory);
    ck_assert_int_eq(symlink("fleet.wisdom", writable), 0);
    /* lines of another machine stay; damaged ones do not; comments neither */
    tune_text text = {.data = NULL};
    tune_text_add(&text, line, gml_wisdom_write_begin(line));
    tune_text_add(&text, "# by hand\n\n", 11);
    tune_text_add(&text, line, line_of(0xff, line));
    tune_text_add(&text, "entry damaged crc=00000000\n", 27);
    tune_text_add(&text, line, line_of(0xfe, line) - 1); /* without its '\n' */
    put("20250101T120000Z-00.wisdom", text.data, text.size);
    tune_text_free(&text);
    age("20250101T120000Z-00.wisdom");

    ck_assert_int_eq(compacted(), 3);
    ck_assert(exists("20270101T120000Z-9f2c41d7ab12.wisdom"));
    ck_assert(exists("20270101T120001Z-9f2c41d7ab12.wisdom"));
    ck_assert(exists("20270101T120002Z-9f2c41d7ab12.wisdom"));
    ck_assert(exists("fleet.wisdom"));
    ck_assert(exists("notes.txt"));
    ck_assert(!exists(".20260101T120000Z-9f2c41d7ab12.wisdom.00000001.tmp"));
    ck_assert(exists(".20260101T120000Z-9f2c41d7ab12.wisdom.00000002.tmp"));
    ck_assert(!exists("20250101T120000Z-00.wisdom"));
    snprintf(writable, sizeof writable, "%s%s", name, TUNE_SUFFIX);
    ck_assert(exists(writable));
    static const char *const gone[] = {"20270101T120000Z-9f2c41d7ab12.wisdom",
                                       "20270101T120001Z-9f2c41d7ab12.wisdom",
                                       "20270101T120002Z-9f2c41d7ab12.wisdom"};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", directory, gone[i]);
        ck_assert_int_eq(unlink(path), 0);
    }
    contents in;
    read_contents(&in);
    ck_assert_int_eq(in.files, 3);
    ck_assert_int_eq(in.list.count, 5);
    ck_assert_int_eq(occurrences(&in, 77), 2);
    gml_wisdom_list_free(&in.list);
    finish();
}
END_TEST

/* Lines that this library does not understand, but whose checksum holds, are a newer one's. */
START_TEST(compaction_keeps_lines_it_does_not_know)
{
    begin();
    char name[GML_RUN_TEXT], line[GML_WISDOM_LINE];
    put_run(THEN, 1, 2, true, name);
    tune_text text = {.data = NULL};
    tune_text_add(&text, line, gml_wisdom_write_begin(line));
    gml_wisdom_entry entry = numbered(2);
    entry.isa = "amx"; /* no set of this library */
    tune_text_add(&text, line, gml_wisdom_write(&entry, line));
    const size_t length = gml_wisdom_write(&entry, line);
    char end[GML_WISDOM_LINE];
    tune_text_add(&text, end, gml_wisdom_write_end(1, end));
    put("20250101T120000Z-00.wisdom", text.data, text.size);
    put("20250102T120000Z-00.wisdom", text.data, text.size);
    tune_text_free(&text);
    ck_assert_int_eq(compacted(), 3);
    contents in;
    read_contents(&in);
    ck_assert_int_eq(in.list.count, 1);
    const int from = open(directory, O_RDONLY | O_DIRECTORY);
    size_t size = 0;
    char *is = read_text(from, in.name[0], &size);
    close(from);
    const char *found = memmem(is, size, line, length);
    ck_assert_ptr_nonnull(found);
    ck_assert_ptr_null(memmem(found + 1, size - (size_t)(found + 1 - is), line, length)); /* once */
    free(is);
    gml_wisdom_list_free(&in.list);
    finish();
}
END_TEST

START_TEST(closing_a_run_compacts)
{
    begin();
    for (int i = 0; i < TUNE_RUNS_KEPT; i++)
        write_run(i + 1, i + 2, NULL);
    contents in;
    read_contents(&in);
    ck_assert_int_eq(in.files, TUNE_RUNS_KEPT);
    gml_wisdom_list_free(&in.list);
    write_run(50, 52, NULL);
    read_contents(&in);
    ck_assert_int_eq(in.files, 1);
    ck_assert_int_eq(in.list.count, TUNE_RUNS_KEPT + 2);
    gml_wisdom_list_free(&in.list);
    finish();
}
END_TEST

static int64_t pruned(const gml_machine *machine, tune_prune what)
{
    const int64_t entries = tune_store_prune(root, machine, &what, sentence);
    ck_assert_msg(entries >= 0, "%s", sentence);
    return entries;
}

START_TEST(pruning_takes_back_a_run)
{
    begin();
    char old[GML_RUN_TEXT], run[GML_RUN_TEXT];
    put_run(THEN, 1, 4, true, old);
    put_run(THEN + MINUTE, 2, 6, true, run);
    for (int joined = 0; joined < 2; joined++) {
        ck_assert_int_eq(pruned(NULL, (tune_prune){.run = run}), 4);
        contents in;
        read_contents(&in);
        ck_assert_int_eq(in.files, 1);
        ck_assert_int_eq(in.list.count, 3); /* what was before is there again */
        for (int i = 0; i < 3; i++)
            ck_assert_str_eq(in.list.entry[i].run, old);
        ck_assert(!strncmp(in.name[0], old, strlen(old)));
        gml_wisdom_list_free(&in.list);
        ck_assert_int_eq(pruned(NULL, (tune_prune){.run = run}), 0);
        put_run(THEN + MINUTE, 2, 6, true, run);
        ck_assert_int_eq(compacted(), 2); /* the second time it is part of a larger file */
    }
    ck_assert_int_eq(pruned(NULL, (tune_prune){.run = "nobody"}), 0);

    put_run(THEN + 2 * MINUTE, 1, 2, false, run); /* one that is being written is not touched */
    ck_assert_int_eq(tune_store_prune(root, NULL, &(tune_prune){.run = run}, sentence), -1);
    ck_assert_msg(strstr(sentence, "the run is still being written"), "%s", sentence);
    ck_assert_int_eq(errno, EBUSY);
    ck_assert_int_eq(pruned(NULL, (tune_prune){.everything = true}), 7);
    contents in;
    read_contents(&in);
    ck_assert_int_eq(in.files, 1);
    ck_assert_int_eq(in.list.count, 1);
    gml_wisdom_list_free(&in.list);
    finish();
    ck_assert_int_eq(tune_store_prune("/nowhere", NULL, &(tune_prune){.everything = true}, sentence), 0);
}
END_TEST

START_TEST(pruning_by_machine_and_revision)
{
    begin();
    gml_machine here;
    memset(&here, 0, sizeof here);
    snprintf(here.vendor, sizeof here.vendor, "Nobody");
    char text[GML_FINGERPRINT_TEXT];
    const uint64_t machine = gml_fingerprint(&here, text);
    const gml_kernel_set *set = gml_set_by_name("ref");
    tune_store *store = tune_store_open(root, machine, 0, sentence);
    ck_assert_msg(store != NULL, "%s", sentence);
    for (int i = 0; i < 4; i++) {
        gml_wisdom_entry entry = numbered(i + 1);
        entry.revision = gml_revision(set, GML_OPERATION_GEMM, GML_F32) + (uint32_t)(i == 2);
        ck_assert_msg(tune_store_add(store, &entry, sentence), "%s", sentence);
    }
    ck_assert(tune_store_close(store, sentence));
    write_run(1, 3, NULL); /* of another machine */

    ck_assert_int_eq(pruned(&here, (tune_prune){.stale = true}), 1);
    ck_assert_int_eq(pruned(&here, (tune_prune){.stale = true}), 0);
    contents in;
    read_contents(&in);
    ck_assert_int_eq(in.list.count, 2); /* which is none of ours, whatever its revision */
    gml_wisdom_list_free(&in.list);
    ck_assert_int_eq(pruned(&here, (tune_prune){.everything = true}), 3);
    ck_assert_int_eq(pruned(NULL, (tune_prune){.everything = true}), 2);
    finish();
}
END_TEST

/* What another process does while a compaction is between reading and removing. */
static struct meanwhile {
    void (*act)(void);
    char run[3][GML_RUN_TEXT];
} meanwhile;

static bool keep_all_but_act(const void *host, const tune_line *line)
{
    (void)host;
    (void)line;
    void (*const act)(void) = meanwhile.act;
    meanwhile.act = NULL;
    if (act)
        act();
    return true;
}

/* A compaction of three runs of two entries each, and what happens meanwhile. */
static int compact_beside(void (*act)(void))
{
    begin();
    for (int i = 0; i < 3; i++)
        put_run(THEN + i * MINUTE, 2 * i + 1, 2 * i + 3, i != 1, meanwhile.run[i]);
    meanwhile.act = act;
    const int from = open(directory, O_RDONLY | O_DIRECTORY);
    ck_assert_int_ge(from, 0);
    tune_files files;
    ck_assert(tune_files_read(&files, from, directory, 0, false, sentence));
    ck_assert_int_eq(files.count, 3);
    ck_assert(!files.file[1].finished);
    const int removed = tune_files_replace(from, directory, &files, (const bool[]){true, true, true},
                                           keep_all_but_act, NULL, NULL, sentence);
    tune_files_free(&files);
    close(from);
    return removed;
}

static void compaction(void)
{
    for (int i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s", meanwhile.run[i], TUNE_SUFFIX);
        if (exists(name)) /* the one that another compaction has not taken */
            age(name);
    }
    ck_assert_int_eq(compacted(), 3);
}

static void pruning(void)
{
    ck_assert_int_eq(pruned(NULL, (tune_prune){.run = meanwhile.run[2]}), 2);
}

static void writing(void)
{
    put_run(THEN + MINUTE, 3, 6, true, meanwhile.run[1]);
}

START_TEST(others_at_the_same_files)
{
    void (*const acts[])(void) = {compaction, pruning, writing};
    for (size_t act = 0; act < sizeof acts / sizeof *acts; act++) {
        ck_assert_int_eq(compact_beside(acts[act]), 0); /* it leaves the field */
        contents in;
        read_contents(&in);
        ck_assert_int_eq(in.files, acts[act] == compaction ? 1 : acts[act] == pruning ? 2 : 3);
        for (int i = 1; i <= 6; i++)
            ck_assert_int_eq(occurrences(&in, i), acts[act] == pruning && i > 4    ? 0
                                                  : acts[act] == writing && i == 5 ? 2
                                                                                   : 1);
        gml_wisdom_list_free(&in.list);
        finish();
    }
    ck_assert_int_eq(compact_beside(NULL), 3);
    finish();
}
END_TEST

/* A run that was taken for dead writes once more after all. */
START_TEST(a_file_that_changes_is_not_removed)
{
    begin();
    char run[GML_RUN_TEXT], name[64];
    put_run(THEN, 1, 3, false, run);
    snprintf(name, sizeof name, "%s%s", run, TUNE_SUFFIX);
    age(name);
    const int from = open(directory, O_RDONLY | O_DIRECTORY);
    tune_files files;
    ck_assert(tune_files_read(&files, from, directory, time(NULL), false, sentence));
    ck_assert_int_eq(files.count, 1);
    ck_assert(files.file[0].finished);
    put_run(THEN, 1, 4, true, run);
    ck_assert(!tune_file_remove(from, &files.file[0]));
    contents in;
    read_contents(&in);
    ck_assert_int_eq(in.files, 1);
    ck_assert_int_eq(in.list.count, 3);
    ck_assert_str_ne(in.name[0], name);
    ck_assert(tune_run_is_name(in.name[0], strlen(in.name[0]) - strlen(TUNE_SUFFIX)));
    gml_wisdom_list_free(&in.list);
    ck_assert(!tune_file_remove(from, &files.file[0])); /* it is gone */
    tune_files_free(&files);

    ck_assert(tune_files_read(&files, from, directory, time(NULL), false, sentence));
    ck_assert(tune_file_remove(from, &files.file[0]));
    read_contents(&in);
    ck_assert_int_eq(in.files, 0);
    tune_files_free(&files);
    close(from);
    finish();
}
END_TEST

START_TEST(who_loses_is_retired)
{
    static const tune_duel duel[] = {{TUNE_STANDS, 1.2, 1.1, 1.3, 64},
                                     {TUNE_NO_FASTER, 0.9, 0.8, 0.95, 65},
                                     {TUNE_NO_FASTER, 0.99, 0.9, 1.01, 66}, /* it may be chance */
                                     {TUNE_WRONG, 1, 1, 1, 0},
                                     {TUNE_NOT_REACHED, 1, 1, 1, 0}};
    begin();
    char old[GML_RUN_TEXT], run[GML_RUN_TEXT];
    write_run(1, 6, old);
    contents in;
    read_contents(&in);
    for (int i = 0; i < in.list.count; i++)
        in.list.entry[i].scope = GML_SCOPE_CELL;
    ck_assert_int_eq(tune_retire(root, MACHINE, &in.list, duel, run, sentence), 2);
    gml_wisdom_list_free(&in.list);
    read_contents(&in);
    ck_assert_int_eq(in.files, 2);
    ck_assert_int_eq(in.list.count, 7);
    for (int i = 0; i < 2; i++) { /* the first two come before what they retire */
        const gml_wisdom_entry *e = &in.list.entry[i];
        ck_assert_int_eq(e->key.size[0], i ? 4 : 2);
        ck_assert(gml_choice_is_model(&e->choice));
        ck_assert_int_eq(e->samples, i ? 0 : 65);
        ck_assert_int_eq(e->scope, GML_SCOPE_EXACT);
        ck_assert_str_eq(e->run, run);
    }
    gml_wisdom *table = gml_wisdom_build(&in.list);
    ck_assert_ptr_nonnull(table);
    for (int i = 1; i <= 5; i++) {
        gml_source source;
        const gml_key key = numbered(i).key;
        const bool chosen = gml_wisdom_find(table, &key, &source, NULL) != NULL;
        ck_assert_int_eq(chosen, i != 2 && i != 4);
        ck_assert_int_eq(source, GML_SOURCE_EXACT);
    }
    gml_wisdom_free(table);
    gml_wisdom_list_free(&in.list);

    const gml_wisdom_list nobody = {0};
    ck_assert_int_eq(tune_retire(root, MACHINE, &nobody, NULL, run, sentence), 0);
    ck_assert_str_eq(run, "");
    read_contents(&in);
    ck_assert_int_eq(in.files, 2);
    in.list.count = 5;
    ck_assert_int_eq(tune_retire("/proc/none", MACHINE, &in.list, duel, run, sentence), -1);
    ck_assert_msg(strstr(sentence, "/proc/none"), "%s", sentence);
    gml_wisdom_list_free(&in.list);
    finish();
}
END_TEST

int main(void)
{
    return suite_run(
        "store_files", 60,
        (const TTest *const[]){compaction_joins_what_has_ended, compaction_is_one_whatever_the_order,
                               compaction_leaves_others_alone, compaction_keeps_lines_it_does_not_know,
                               closing_a_run_compacts, pruning_takes_back_a_run,
                               pruning_by_machine_and_revision, others_at_the_same_files,
                               a_file_that_changes_is_not_removed, who_loses_is_retired, NULL});
}
