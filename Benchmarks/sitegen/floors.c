// The floors under any generator: the least that reading, parsing and writing a tree costs on this machine.
//
//   floors read LIST           reads every file that LIST names, one a line
//   floors markdown LIST       parses and renders each with cmark-gfm (tables and footnotes), two processes
//   floors write LIST FOLDER   writes files of the same sizes as those of LIST below FOLDER, two processes
#define _GNU_SOURCE
#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 2 };

static char **paths;
static size_t count;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void load(const char *list) {
    FILE *file = fopen(list, "r");
    if (!file) fail(list);
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    while ((length = getline(&line, &capacity, file)) > 0) {
        if (line[length - 1] == '\n') line[length - 1] = 0;
        paths = realloc(paths, (count + 1) * sizeof *paths);
        paths[count++] = strdup(line);
    }
    fclose(file);
}

static size_t slurp(const char *path, char **buffer, size_t *capacity) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) < 0) fail(path);
    if ((size_t)info.st_size + 1 > *capacity) *buffer = realloc(*buffer, *capacity = info.st_size * 2 + 1);
    size_t size = 0;
    ssize_t n;
    while ((n = read(fd, *buffer + size, *capacity - size)) > 0) size += n;
    close(fd);
    return size;
}

static void markdown(size_t start) {
    cmark_gfm_core_extensions_ensure_registered();
    cmark_syntax_extension *table = cmark_find_syntax_extension("table");
    char *buffer = NULL;
    size_t capacity = 0;
    for (size_t i = start; i < count; i += PROCESSES) {
        size_t size = slurp(paths[i], &buffer, &capacity);
        cmark_parser *parser = cmark_parser_new(CMARK_OPT_FOOTNOTES);
        cmark_parser_attach_syntax_extension(parser, table);
        cmark_parser_feed(parser, buffer, size);
        cmark_node *root = cmark_parser_finish(parser);
        char *html = cmark_render_html(root, CMARK_OPT_FOOTNOTES, cmark_parser_get_syntax_extensions(parser));
        free(html);
        cmark_node_free(root);
        cmark_parser_free(parser);
    }
}

static void writeAll(size_t start, const char *folder) {
    static char zeros[1 << 22];
    memset(zeros, 'x', sizeof zeros);
    for (size_t i = start; i < count; i += PROCESSES) {
        struct stat info;
        if (stat(paths[i], &info) < 0) fail(paths[i]);
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%03zu", folder, i / 64);
        mkdir(path, 0755);
        snprintf(path, sizeof path, "%s/%03zu/%zu.html", folder, i / 64, i);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0) fail(path);
        for (size_t left = info.st_size; left > 0;) {
            ssize_t n = write(fd, zeros, left < sizeof zeros ? left : sizeof zeros);
            if (n < 0) fail(path);
            left -= n;
        }
        close(fd);
    }
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    load(argv[2]);
    if (strcmp(argv[1], "read") == 0) {
        char *buffer = NULL;
        size_t capacity = 0;
        for (size_t i = 0; i < count; i++) slurp(paths[i], &buffer, &capacity);
        return 0;
    }
    for (int p = 0; p < PROCESSES; p++) {
        if (fork() != 0) continue;
        if (strcmp(argv[1], "markdown") == 0) markdown(p);
        else writeAll(p, argv[3]);
        _exit(0);
    }
    int status, failed = 0;
    while (wait(&status) > 0) failed |= status;
    return failed ? 1 : 0;
}
