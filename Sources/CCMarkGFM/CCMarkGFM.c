#define _GNU_SOURCE
#include "CCMarkGFM.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXTENSIONS_LIBRARY "libcmark-gfm-extensions.so.0.29.0.gfm.6"

static void *open_library(int private_copy) {
#ifdef __GLIBC__
    if (private_copy) {
        return dlmopen(LM_ID_NEWLM, EXTENSIONS_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    }
#else
    if (private_copy) {
        return NULL;
    }
#endif
    return dlopen(EXTENSIONS_LIBRARY, RTLD_NOW | RTLD_LOCAL);
}

// One document's memory: taken from chunks in turn, given back all at once. cmark makes some thousand small pieces for a
// page and frees them one by one, which takes longer than parsing.
struct chunk {
    struct chunk *next;
    size_t size;
    size_t used;
    max_align_t memory[];
};

struct xm_arena {
    struct chunk *first;
    struct chunk *current;
    // The piece taken last, which alone can grow in place or be given back.
    char *last;
};

enum { CHUNK = 1 << 20, ALIGN = 16 };

// Stands before every piece; `realloc` must know how much to copy.
typedef struct { _Alignas(ALIGN) size_t size; } header;

// cmark's callbacks carry no context: the arena in use is the thread's.
static _Thread_local struct xm_arena *arena;

static struct chunk *new_chunk(size_t size) {
    struct chunk *chunk = malloc(sizeof *chunk + size);
    // As cmark itself does when memory is gone.
    if (!chunk) abort();
    chunk->next = NULL;
    chunk->size = size;
    chunk->used = 0;
    return chunk;
}

static void *take(size_t size) {
    if (size > SIZE_MAX / 2) abort();
    size_t rounded = (size + ALIGN - 1) / ALIGN * ALIGN;
    size_t whole = rounded + sizeof(header);
    struct chunk *chunk = arena->current;
    while (chunk->size - chunk->used < whole) {
        if (!chunk->next) chunk->next = new_chunk(whole > CHUNK ? whole : CHUNK);
        chunk = chunk->next;
        chunk->used = 0;
    }
    arena->current = chunk;
    char *start = (char *)chunk->memory + chunk->used;
    chunk->used += whole;
    ((header *)start)->size = rounded;
    return arena->last = start + sizeof(header);
}

static void *arena_calloc(size_t count, size_t size) {
    if (size && count > SIZE_MAX / size) abort();
    return memset(take(count * size), 0, count * size);
}

static void *arena_realloc(void *memory, size_t size) {
    if (!memory) return take(size);
    header *old = (header *)memory - 1;
    if (size <= old->size) return memory;
    struct chunk *chunk = arena->current;
    if (memory == arena->last && size < SIZE_MAX / 2) {
        size_t rounded = (size + ALIGN - 1) / ALIGN * ALIGN;
        if (rounded - old->size <= chunk->size - chunk->used) {
            chunk->used += rounded - old->size;
            old->size = rounded;
            return memory;
        }
    }
    return memcpy(take(size), memory, old->size);
}

static void arena_free(void *memory) {
    if (!memory || memory != arena->last) return;
    header *old = (header *)memory - 1;
    arena->current->used -= old->size + sizeof(header);
    arena->last = NULL;
}

static cmark_mem arena_memory = {arena_calloc, arena_realloc, arena_free};

xm_arena *xm_arena_new(void) {
    xm_arena *made = calloc(1, sizeof *made);
    if (!made) abort();
    made->first = made->current = new_chunk(CHUNK);
    return made;
}

cmark_mem *xm_arena_enter(xm_arena *entered) {
    arena = entered;
    return &arena_memory;
}

void xm_arena_leave(xm_arena *left) {
    // What an unusual document needed beyond the first chunk goes back to the system.
    for (struct chunk *chunk = left->first->next; chunk;) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    left->first->next = NULL;
    left->first->used = 0;
    left->current = left->first;
    left->last = NULL;
    arena = NULL;
}

const xm_cmark *xm_cmark_open(int private_copy, const char **error) {
    // The extensions library depends on the base library, and dlsym searches a handle's
    // dependencies too, so one handle reaches both within its namespace.
    void *handle = open_library(private_copy);
    if (!handle) {
        if (error) {
            const char *text = dlerror();
            *error = text ? text : "no private copies on this platform";
        }
        return NULL;
    }
    xm_cmark *table = calloc(1, sizeof *table);
    if (!table) {
        dlclose(handle);
        return NULL;
    }
    table->is_private = private_copy;
#define LOAD(field, symbol)                                                                                            \
    do {                                                                                                               \
        void *address = dlsym(handle, symbol);                                                                         \
        if (!address) {                                                                                                \
            if (error) *error = "libcmark-gfm lacks " symbol;                                                          \
            free(table);                                                                                               \
            dlclose(handle);                                                                                           \
            return NULL;                                                                                               \
        }                                                                                                              \
        memcpy(&table->field, &address, sizeof address);                                                               \
    } while (0)
    LOAD(core_extensions_ensure_registered, "cmark_gfm_core_extensions_ensure_registered");
    LOAD(parser_new, "cmark_parser_new_with_mem");
    LOAD(parser_feed, "cmark_parser_feed");
    LOAD(parser_finish, "cmark_parser_finish");
    LOAD(parser_attach_syntax_extension, "cmark_parser_attach_syntax_extension");
    LOAD(parser_get_syntax_extensions, "cmark_parser_get_syntax_extensions");
    LOAD(find_syntax_extension, "cmark_find_syntax_extension");
    LOAD(render_html, "cmark_render_html_with_mem");
    LOAD(iter_new, "cmark_iter_new");
    LOAD(iter_next, "cmark_iter_next");
    LOAD(iter_get_node, "cmark_iter_get_node");
    LOAD(node_new, "cmark_node_new_with_mem");
    LOAD(node_get_type, "cmark_node_get_type");
    LOAD(node_get_literal, "cmark_node_get_literal");
    LOAD(node_set_literal, "cmark_node_set_literal");
    LOAD(node_get_url, "cmark_node_get_url");
    LOAD(node_set_url, "cmark_node_set_url");
    LOAD(node_get_title, "cmark_node_get_title");
    LOAD(node_get_start_line, "cmark_node_get_start_line");
    LOAD(node_get_start_column, "cmark_node_get_start_column");
    LOAD(node_set_on_enter, "cmark_node_set_on_enter");
    LOAD(node_insert_before, "cmark_node_insert_before");
    LOAD(node_insert_after, "cmark_node_insert_after");
    LOAD(node_unlink, "cmark_node_unlink");
    LOAD(node_first_child, "cmark_node_first_child");
#undef LOAD
    table->core_extensions_ensure_registered();
    return table;
}
