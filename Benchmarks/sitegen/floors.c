// The floors under any generator: the least that reading, parsing and writing a tree costs on this machine.
//
//   floors PROCESSES read LIST                reads every file that LIST names, one a line
//   floors PROCESSES markdown LIST            parses and renders each with cmark-gfm (tables and footnotes)
//   floors PROCESSES write LIST ROOT FOLDER   writes the tree below ROOT, whose files LIST names, again below FOLDER:
//                                             the same paths and sizes
#define _GNU_SOURCE
#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static size_t processes;
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
    for (size_t i = start; i < count; i += processes) {
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

static void readAll(size_t start) {
    char *buffer = NULL;
    size_t capacity = 0;
    for (size_t i = start; i < count; i += processes) slurp(paths[i], &buffer, &capacity);
}

// Makes the folders above a relative path.
static void makeFolders(char *path) {
    for (char *end = path; (end = strchr(end + 1, '/'));) {
        *end = 0;
        if (mkdir(path, 0755) < 0 && errno != EEXIST) fail(path);
        *end = '/';
    }
}

// Each process takes a part of its own, so that no two wait for one folder.
static void writeAll(size_t start, const char *root) {
    static char bytes[1 << 22];
    memset(bytes, 'x', sizeof bytes);
    size_t skipped = strlen(root) + 1;
    for (size_t i = count * start / processes; i < count * (start + 1) / processes; i++) {
        struct stat info;
        if (stat(paths[i], &info) < 0) fail(paths[i]);
        char *path = paths[i] + skipped;
        int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
        int fd = open(path, flags, 0644);
        if (fd < 0 && errno == ENOENT) {
            makeFolders(path);
            fd = open(path, flags, 0644);
        }
        if (fd < 0) fail(path);
        for (size_t left = info.st_size; left > 0;) {
            ssize_t n = write(fd, bytes, left < sizeof bytes ? left : sizeof bytes);
            if (n < 0) fail(path);
            left -= n;
        }
        close(fd);
    }
}

int main(int argc, char **argv) {
    if (argc < 4 || (processes = strtoul(argv[1], NULL, 10)) == 0) return 2;
    load(argv[3]);
    int writes = strcmp(argv[2], "write") == 0;
    if (writes && (argc < 6 || chdir(argv[5]) < 0)) fail("write LIST ROOT FOLDER");
    for (size_t p = 0; p < processes; p++) {
        if (fork() != 0) continue;
        if (writes) writeAll(p, argv[4]);
        else if (strcmp(argv[2], "markdown") == 0) markdown(p);
        else readAll(p);
        _exit(0);
    }
    int status, failed = 0;
    while (wait(&status) > 0) failed |= status;
    return failed ? 1 : 0;
}
