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
// page and frees them one by one, which takes longer than parsing. What is not taken is zero.
struct chunk {
    struct chunk *next;
    char *end;
    max_align_t memory[];
};

struct xm_arena {
    struct chunk *first;
    struct chunk *current;
    // What is left of the current chunk.
    char *free;
    char *end;
    // The piece taken last, which alone can grow in place or be given back.
    char *last;
};

enum { CHUNK = 1 << 20, ALIGN = 16 };

// Stands before every piece; `realloc` must know how much to copy.
typedef struct { _Alignas(ALIGN) size_t size; } header;

// cmark's callbacks carry no context: the arena in use is the thread's.
static _Thread_local struct xm_arena *arena;

static void use(struct xm_arena *used, struct chunk *chunk) {
    used->current = chunk;
    used->free = (char *)chunk->memory;
    used->end = chunk->end;
}

static struct chunk *new_chunk(size_t size) {
    struct chunk *chunk = calloc(1, sizeof *chunk + size);
    // As cmark itself does when memory is gone.
    if (!chunk) abort();
    chunk->end = (char *)chunk->memory + size;
    return chunk;
}

// Where the current chunk is used up.
static __attribute__((noinline, cold)) void *take_from_new_chunk(size_t rounded) {
    size_t whole = rounded + sizeof(header);
    struct chunk *added = new_chunk(whole > CHUNK ? whole : CHUNK);
    arena->current->next = added;
    use(arena, added);
    char *start = arena->free;
    arena->free += whole;
    ((header *)start)->size = rounded;
    return arena->last = start + sizeof(header);
}

static inline void *take(size_t size) {
    if (size > SIZE_MAX / 2) abort();
    size_t rounded = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct xm_arena *from = arena;
    char *start = from->free;
    if ((size_t)(from->end - start) < rounded + sizeof(header)) return take_from_new_chunk(rounded);
    from->free = start + sizeof(header) + rounded;
    ((header *)start)->size = rounded;
    return from->last = start + sizeof(header);
}

static void *arena_calloc(size_t count, size_t size) {
    size_t whole;
    if (__builtin_mul_overflow(count, size, &whole)) abort();
    return take(whole);
}

static void *arena_realloc(void *memory, size_t size) {
    if (!memory) return take(size);
    header *old = (header *)memory - 1;
    if (size <= old->size) return memory;
    if (memory == arena->last && size < SIZE_MAX / 2) {
        size_t more = ((size + ALIGN - 1) & ~(size_t)(ALIGN - 1)) - old->size;
        if (more <= (size_t)(arena->end - arena->free)) {
            arena->free += more;
            old->size += more;
            return memory;
        }
    }
    size_t held = old->size;
    return memcpy(take(size), memory, held);
}

static void arena_free(void *memory) {
    if (!memory || memory != arena->last) return;
    header *old = (header *)memory - 1;
    size_t whole = old->size + sizeof(header);
    memset(old, 0, whole);
    arena->free -= whole;
    arena->last = NULL;
}

static cmark_mem arena_memory = {arena_calloc, arena_realloc, arena_free};

xm_arena *xm_arena_new(void) {
    xm_arena *made = calloc(1, sizeof *made);
    if (!made) abort();
    made->first = new_chunk(CHUNK);
    use(made, made->first);
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
    char *used = left->current == left->first ? left->free : left->first->end;
    memset(left->first->memory, 0, (size_t)(used - (char *)left->first->memory));
    left->first->next = NULL;
    use(left, left->first);
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
#define LOAD_VARIABLE(variable, symbol)                                                                                \
    do {                                                                                                               \
        void *address = dlsym(handle, symbol);                                                                         \
        if (!address) {                                                                                                \
            if (error) *error = "libcmark-gfm lacks " symbol;                                                          \
            free(table);                                                                                               \
            dlclose(handle);                                                                                           \
            return NULL;                                                                                               \
        }                                                                                                              \
        memcpy(&(variable), &address, sizeof address);                                                                 \
    } while (0)
#define LOAD(field, symbol) LOAD_VARIABLE(table->field, symbol)
    LOAD(core_extensions_ensure_registered, "cmark_gfm_core_extensions_ensure_registered");
    LOAD(parser_new, "cmark_parser_new_with_mem");
    LOAD(parser_feed, "cmark_parser_feed");
    LOAD(parser_finish, "cmark_parser_finish");
    LOAD(parser_attach_syntax_extension, "cmark_parser_attach_syntax_extension");
    LOAD(parser_get_syntax_extensions, "cmark_parser_get_syntax_extensions");
    LOAD(find_syntax_extension, "cmark_find_syntax_extension");
    LOAD(render_html, "cmark_render_html_with_mem");
    LOAD(node_new, "cmark_node_new_with_mem");
    LOAD(node_get_type, "cmark_node_get_type");
    LOAD(node_get_type_string, "cmark_node_get_type_string");
    LOAD(node_get_literal, "cmark_node_get_literal");
    LOAD(node_set_literal, "cmark_node_set_literal");
    LOAD(node_get_url, "cmark_node_get_url");
    LOAD(node_get_title, "cmark_node_get_title");
    LOAD(node_get_fence_info, "cmark_node_get_fence_info");
    LOAD(node_get_fenced, "cmark_node_get_fenced");
    LOAD(node_get_heading_level, "cmark_node_get_heading_level");
    LOAD(node_get_list_type, "cmark_node_get_list_type");
    LOAD(node_get_list_start, "cmark_node_get_list_start");
    LOAD(node_get_list_tight, "cmark_node_get_list_tight");
    LOAD(node_get_start_line, "cmark_node_get_start_line");
    LOAD(node_get_start_column, "cmark_node_get_start_column");
    LOAD(node_append_child, "cmark_node_append_child");
    LOAD(node_set_url, "cmark_node_set_url");
    LOAD(node_insert_after, "cmark_node_insert_after");
    LOAD(node_first_child, "cmark_node_first_child");
    LOAD(node_next, "cmark_node_next");
    LOAD(node_parent, "cmark_node_parent");
    LOAD(table_get_columns, "cmark_gfm_extensions_get_table_columns");
    LOAD(table_get_alignments, "cmark_gfm_extensions_get_table_alignments");
    LOAD(table_row_is_header, "cmark_gfm_extensions_get_table_row_is_header");
    LOAD(tasklist_item_is_checked, "cmark_gfm_extensions_get_tasklist_item_checked");
    const cmark_node_type *strikethrough, *rows, *cells, *tables;
    LOAD_VARIABLE(strikethrough, "CMARK_NODE_STRIKETHROUGH");
    LOAD_VARIABLE(tables, "CMARK_NODE_TABLE");
    LOAD_VARIABLE(rows, "CMARK_NODE_TABLE_ROW");
    LOAD_VARIABLE(cells, "CMARK_NODE_TABLE_CELL");
#undef LOAD
#undef LOAD_VARIABLE
    table->core_extensions_ensure_registered();
    table->strikethrough = *strikethrough;
    table->table = *tables;
    table->table_row = *rows;
    table->table_cell = *cells;
    return table;
}
