#define _GNU_SOURCE
#include "CCMarkGFM.h"

#include <dlfcn.h>
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
    LOAD(get_default_mem_allocator, "cmark_get_default_mem_allocator");
    LOAD(core_extensions_ensure_registered, "cmark_gfm_core_extensions_ensure_registered");
    LOAD(parser_new, "cmark_parser_new");
    LOAD(parser_free, "cmark_parser_free");
    LOAD(parser_feed, "cmark_parser_feed");
    LOAD(parser_finish, "cmark_parser_finish");
    LOAD(parser_attach_syntax_extension, "cmark_parser_attach_syntax_extension");
    LOAD(parser_get_syntax_extensions, "cmark_parser_get_syntax_extensions");
    LOAD(find_syntax_extension, "cmark_find_syntax_extension");
    LOAD(render_html, "cmark_render_html");
    LOAD(iter_new, "cmark_iter_new");
    LOAD(iter_free, "cmark_iter_free");
    LOAD(iter_next, "cmark_iter_next");
    LOAD(iter_get_node, "cmark_iter_get_node");
    LOAD(node_new, "cmark_node_new");
    LOAD(node_free, "cmark_node_free");
    LOAD(node_get_type, "cmark_node_get_type");
    LOAD(node_get_type_string, "cmark_node_get_type_string");
    LOAD(node_get_literal, "cmark_node_get_literal");
    LOAD(node_set_literal, "cmark_node_set_literal");
    LOAD(node_get_url, "cmark_node_get_url");
    LOAD(node_get_title, "cmark_node_get_title");
    LOAD(node_get_heading_level, "cmark_node_get_heading_level");
    LOAD(node_get_start_line, "cmark_node_get_start_line");
    LOAD(node_get_start_column, "cmark_node_get_start_column");
    LOAD(node_set_on_enter, "cmark_node_set_on_enter");
    LOAD(node_replace, "cmark_node_replace");
    LOAD(node_insert_before, "cmark_node_insert_before");
    LOAD(node_unlink, "cmark_node_unlink");
    LOAD(node_first_child, "cmark_node_first_child");
    LOAD(node_parent, "cmark_node_parent");
#undef LOAD
    table->core_extensions_ensure_registered();
    return table;
}

void xm_cmark_free(const xm_cmark *copy, void *memory) {
    copy->get_default_mem_allocator()->free(memory);
}
