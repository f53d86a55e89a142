// cmark-gfm as a table of functions, one table per private copy of the library.
//
// Debian's libcmark-gfm edits process-wide character tables while a parser that
// has the strikethrough or autolink extension finishes, so two threads in one copy
// corrupt each other's pages without a word. Each table that `xm_cmark_open` returns
// comes from its own link-map namespace (glibc's dlmopen) with its own tables and heap.
#ifndef XINMI_CCMARKGFM_H
#define XINMI_CCMARKGFM_H

#include <cmark-gfm.h>
#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm-extension_api.h>
#include <stddef.h>

typedef struct xm_cmark {
    // Nonzero when this table has a copy of its own; zero when it shares the process's
    // copy, in which case the caller serialises every use.
    int is_private;
    void (*core_extensions_ensure_registered)(void);
    cmark_parser *(*parser_new)(int options, cmark_mem *);
    void (*parser_feed)(cmark_parser *, const char *, size_t);
    cmark_node *(*parser_finish)(cmark_parser *);
    int (*parser_attach_syntax_extension)(cmark_parser *, cmark_syntax_extension *);
    cmark_llist *(*parser_get_syntax_extensions)(cmark_parser *);
    cmark_syntax_extension *(*find_syntax_extension)(const char *);
    char *(*render_html)(cmark_node *, int options, cmark_llist *, cmark_mem *);
    cmark_node *(*node_new)(cmark_node_type, cmark_mem *);
    cmark_node_type (*node_get_type)(cmark_node *);
    const char *(*node_get_type_string)(cmark_node *);
    const char *(*node_get_literal)(cmark_node *);
    int (*node_set_literal)(cmark_node *, const char *);
    const char *(*node_get_url)(cmark_node *);
    const char *(*node_get_title)(cmark_node *);
    const char *(*node_get_fence_info)(cmark_node *);
    int (*node_get_fenced)(cmark_node *, int *, int *, char *);
    int (*node_get_heading_level)(cmark_node *);
    cmark_list_type (*node_get_list_type)(cmark_node *);
    int (*node_get_list_start)(cmark_node *);
    int (*node_get_list_tight)(cmark_node *);
    int (*node_get_start_line)(cmark_node *);
    int (*node_get_start_column)(cmark_node *);
    int (*node_insert_after)(cmark_node *, cmark_node *);
    int (*node_append_child)(cmark_node *, cmark_node *);
    int (*node_set_url)(cmark_node *, const char *);
    cmark_node *(*node_first_child)(cmark_node *);
    cmark_node *(*node_next)(cmark_node *);
    cmark_node *(*node_parent)(cmark_node *);
    uint16_t (*table_get_columns)(cmark_node *);
    uint8_t *(*table_get_alignments)(cmark_node *);
    int (*table_row_is_header)(cmark_node *);
    bool (*tasklist_item_is_checked)(cmark_node *);
    // Kinds of nodes that extensions add; their numbers are given when the extensions register.
    cmark_node_type strikethrough, table, table_row, table_cell;
} xm_cmark;

// Opens one copy. `private_copy` nonzero asks for a namespace of its own and returns NULL
// when the platform or the loader has none left; zero opens the process's shared copy.
// On failure `*error` (if not NULL) points to a static description. Never closed: the
// number of namespaces a process can ever open is small (about 15), so callers pool them.
const xm_cmark *xm_cmark_open(int private_copy, const char **error);

// Memory for one document at a time. Between `enter` and `leave` the calling thread's documents take their memory from it;
// `leave` gives all of it back, so nothing made in between may be used later, and nothing needs freeing.
typedef struct xm_arena xm_arena;

xm_arena *xm_arena_new(void);
cmark_mem *xm_arena_enter(xm_arena *arena);
void xm_arena_leave(xm_arena *arena);

#endif
