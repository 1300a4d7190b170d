/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Wisdom that a program brings, takes, forgets, or has read again. What is read meets the same checks wherever it comes
 * from, and takes effect all at once or not at all.
 */
#include "src/api/descriptor.h"
#include "src/api/save.h"
#include "src/api/snapshot.h"
#include "src/api/status.h"
#include <errno.h>
#include <gemmule/wisdom.h>
#include <stdlib.h>
#include <string.h>

/* Whether a report can be filled in; NULL is none, and fine. */
static gml_status check_report(const char *function, const gml_wisdom_report *report)
{
    gml_wisdom_report known;
    return report ? gml_descriptor_read(&known, sizeof known, report, function) : GML_OK;
}

/* As much of it as the caller's version has. */
static void fill_report(gml_wisdom_report *report, const gml_wisdom_loaded *loaded)
{
    if (!report)
        return;
    const gml_wisdom_count *lines = &loaded->lines;
    gml_wisdom_report full = {.size = report->size,
                              .files = loaded->files[GML_WISDOM_READ],
                              .accepted = lines->accepted,
                              .foreign = lines->foreign,
                              .stale = lines->stale,
                              .damaged = lines->damaged,
                              .invalid = lines->invalid};
    for (int i = GML_WISDOM_READ + 1; i < GML_WISDOM_REFUSALS; i++)
        full.refused += loaded->files[i];
    memcpy(report, &full, report->size < sizeof full ? report->size : sizeof full);
}

static gml_wisdom_filter filter_of(gml_context *context)
{
    char text[GML_FINGERPRINT_TEXT];
    return (gml_wisdom_filter){.machine = gml_fingerprint(&gml_snapshot_of(context)->machine, text),
                               .set = context->runtime.set};
}

/* Takes a list, which is freed, into the context. */
static gml_status add(const char *function, gml_context *context, gml_wisdom_list *list)
{
    const int64_t count = list->count;
    const bool done = count == 0 || gml_snapshot_add(context, list);
    gml_wisdom_list_free(list);
    return done ? GML_OK
                : gml_fail(GML_ERR_MEMORY, "%s: %lld entries could not be kept", function, (long long)count);
}

gml_status gml_wisdom_import_file(gml_context *context, const char *path, gml_wisdom_report *report)
{
    static const char function[] = "gml_wisdom_import_file";
    if (!path)
        return gml_fail(GML_ERR_ARGUMENT, "%s: path is NULL", function);
    const gml_status status = check_report(function, report);
    if (status != GML_OK)
        return status;
    context = gml_context_or_default(context);
    const gml_wisdom_filter filter = filter_of(context);
    gml_wisdom_list list = {0};
    gml_wisdom_loaded loaded = {0};
    errno = 0;
    const gml_wisdom_refusal refusal = gml_wisdom_load_file(&list, path, &filter, &loaded, NULL);
    const int error = errno;
    fill_report(report, &loaded);
    if (refusal == GML_WISDOM_READ)
        return add(function, context, &list);
    gml_wisdom_list_free(&list);
    if (loaded.no_memory)
        return gml_fail(GML_ERR_MEMORY, "%s: %.160s could not be kept", function, path);
    const bool says_why = refusal == GML_WISDOM_UNREADABLE && error;
    return gml_fail(GML_ERR_ARGUMENT, "%s: %.160s %s%s%s", function, path, gml_wisdom_refusal_text(refusal),
                    says_why ? ": " : "", says_why ? strerror(error) : "");
}

gml_status gml_wisdom_import_memory(gml_context *context, const char *text, size_t size,
                                    gml_wisdom_report *report)
{
    static const char function[] = "gml_wisdom_import_memory";
    if (!text)
        return gml_fail(GML_ERR_ARGUMENT, "%s: text is NULL", function);
    const gml_status status = check_report(function, report);
    if (status != GML_OK)
        return status;
    context = gml_context_or_default(context);
    const gml_wisdom_filter filter = filter_of(context);
    gml_wisdom_list list = {0};
    gml_wisdom_loaded loaded = {0};
    const gml_wisdom_refusal refusal = gml_wisdom_load_text(&list, text, size, &filter, &loaded);
    fill_report(report, &loaded);
    if (refusal == GML_WISDOM_READ)
        return add(function, context, &list);
    gml_wisdom_list_free(&list);
    if (loaded.no_memory)
        return gml_fail(GML_ERR_MEMORY, "%s: %zu bytes of text could not be kept", function, size);
    return gml_fail(GML_ERR_ARGUMENT, "%s: the text %s", function, gml_wisdom_refusal_text(refusal));
}

/* Composes a file's text, or counts its bytes where `text` is NULL. */
static size_t compose(const gml_wisdom_list *list, char *text)
{
    char line[GML_WISDOM_LINE];
    size_t size = 0;
    for (int64_t i = -1; i <= list->count; i++) {
        const size_t length = i < 0              ? gml_wisdom_write_begin(line)
                              : i == list->count ? gml_wisdom_write_end(list->count, line)
                                                 : gml_wisdom_write(&list->entry[i], line);
        if (text)
            memcpy(text + size, line, length);
        size += length;
    }
    return size;
}

static const gml_wisdom_list *entries_of(gml_context *context)
{
    static const gml_wisdom_list nothing;
    const gml_snapshot *snapshot = gml_snapshot_of(context);
    return snapshot->wisdom ? gml_wisdom_entries(snapshot->wisdom) : &nothing;
}

gml_status gml_wisdom_export_file(gml_context *context, const char *path)
{
    static const char function[] = "gml_wisdom_export_file";
    if (!path)
        return gml_fail(GML_ERR_ARGUMENT, "%s: path is NULL", function);
    const gml_wisdom_list *list = entries_of(gml_context_or_default(context));
    const size_t size = compose(list, NULL);
    char *text = malloc(size);
    if (!text)
        return gml_fail(GML_ERR_MEMORY, "%s: %zu bytes of text could not be allocated", function, size);
    compose(list, text);
    const int error = gml_save(path, text, size);
    free(text);
    return error ? gml_fail(GML_ERR_ARGUMENT, "%s: %.160s cannot be written: %s", function, path,
                            strerror(error))
                 : GML_OK;
}

gml_status gml_wisdom_export_memory(gml_context *context, char *text, size_t *size)
{
    static const char function[] = "gml_wisdom_export_memory";
    if (!size)
        return gml_fail(GML_ERR_ARGUMENT, "%s: size is NULL", function);
    const gml_wisdom_list *list = entries_of(gml_context_or_default(context));
    const size_t room = *size, needed = compose(list, NULL);
    *size = needed;
    if (text && room < needed)
        return gml_fail(GML_ERR_ARGUMENT, "%s: size is %zu, must be at least %zu", function, room, needed);
    if (text)
        compose(list, text);
    return GML_OK;
}

gml_status gml_wisdom_forget(gml_context *context)
{
    return gml_snapshot_forget(gml_context_or_default(context))
               ? GML_OK
               : gml_fail(GML_ERR_MEMORY, "gml_wisdom_forget: no memory to note it");
}

gml_status gml_wisdom_refresh(gml_context *context, gml_wisdom_report *report)
{
    static const char function[] = "gml_wisdom_refresh";
    const gml_status status = check_report(function, report);
    if (status != GML_OK)
        return status;
    gml_wisdom_loaded loaded = {0};
    const bool done = gml_snapshot_refresh(gml_context_or_default(context), &loaded);
    fill_report(report, &loaded);
    return done ? GML_OK
                : gml_fail(GML_ERR_MEMORY, "%s: %lld entries could not be kept", function,
                           (long long)loaded.lines.accepted);
}
