#include <zlib.h>

// A macro with a version and a size argument; Swift cannot call it.
static inline int xm_deflateInit2(z_stream *stream, int level, int windowBits, int memLevel) {
    return deflateInit2(stream, level, Z_DEFLATED, windowBits, memLevel, Z_DEFAULT_STRATEGY);
}
