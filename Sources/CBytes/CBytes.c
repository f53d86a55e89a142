#include "CBytes.h"

#include <string.h>

typedef uint8_t block __attribute__((vector_size(16)));
typedef int8_t mask __attribute__((vector_size(16)));
typedef _Bool flags __attribute__((ext_vector_type(16)));

static inline block load(const uint8_t *bytes) {
    block loaded;
    memcpy(&loaded, bytes, sizeof loaded);
    return loaded;
}

static inline mask within(block bytes, uint8_t low, uint8_t high) { return bytes - low <= (uint8_t)(high - low); }

// One bit for each byte, the first in the lowest place.
static inline unsigned bits(mask of) {
    flags set = __builtin_convertvector(of, flags);
    uint16_t packed;
    memcpy(&packed, &set, sizeof packed);
    return packed;
}

static inline mask controls(block bytes) {
    return within(bytes, 0x00, 0x08) | within(bytes, 0x0B, 0x0C) | within(bytes, 0x0E, 0x1F);
}

size_t xm_plain_text_prefix(const uint8_t *bytes, size_t count) {
    size_t i = 0;
    while (i + 17 <= count) {
        block own = load(bytes + i), next = load(bytes + i + 1);
        unsigned single = bits(within(own, 0x20, 0x7E) | within(own, 0x09, 0x0A));
        unsigned leads = bits(within(own, 0xE1, 0xEC) | ((own == 0xEF) & within(next, 0xBC, 0xBE)));
        unsigned others = bits(within(own, 0x80, 0xBF));
        unsigned wrong = (~(single | leads | others) | (others ^ (leads << 1 | leads << 2))) & 0xFFFF;
        unsigned right = wrong ? (unsigned)__builtin_ctz(wrong) : 16;
        // Not within a character.
        if (right >= 1 && leads >> (right - 1) & 1) right -= 1;
        else if (right >= 2 && leads >> (right - 2) & 1) right -= 2;
        i += right;
        if (wrong) return i;
    }
    return i;
}

bool xm_has_control(const uint8_t *bytes, size_t count) {
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        if (bits(controls(load(bytes + i)))) return true;
    }
    for (; i < count; i++) {
        if (bytes[i] < 0x20 && bytes[i] != 0x09 && bytes[i] != 0x0A && bytes[i] != 0x0D) return true;
    }
    return false;
}

size_t xm_plain_prefix(const uint8_t *bytes, size_t count) {
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        block own = load(bytes + i);
        unsigned found = bits(within(own, '&', '\'') | (own == '<') | (own == '>') | (own == '"'));
        if (found) return i + (size_t)__builtin_ctz(found);
    }
    for (; i < count; i++) {
        uint8_t byte = bytes[i];
        if (byte == '&' || byte == '\'' || byte == '<' || byte == '>' || byte == '"') return i;
    }
    return count;
}

static inline mask special(block own, block next) {
    return within(own, 0x00, 0x08) | within(own, 0x0B, 0x1F) | (own == '"') | (own == '&') | (own == '<') | (own == '>') |
           ((own == 0xEF) & (next == 0xB7));
}

// Bytes to load a block from, and the two behind it, where its last character may end: those that are left, or a copy of
// them with zeros behind.
static inline const uint8_t *readable(const uint8_t *at, size_t left, block padded[2]) {
    if (left >= sizeof(block) + 2) return at;
    memset(padded, 0, 2 * sizeof(block));
    return memcpy(padded, at, left);
}

static inline size_t block_length(size_t left) { return left < sizeof(block) ? left : sizeof(block); }

size_t xm_copy_text(uint8_t *to, const uint8_t *from, size_t count) {
    size_t i = 0;
    while (i < count) {
        block padded[2];
        const uint8_t *at = readable(from + i, count - i, padded);
        block own = load(at);
        memcpy(to + i, &own, sizeof own);
        // Zeros behind the end are special, and the end.
        unsigned found = bits(special(own, load(at + 1)));
        if (found) return i + (size_t)__builtin_ctz(found);
        i += block_length(count - i);
    }
    return count;
}

size_t xm_count_text(const uint8_t *bytes, size_t start, size_t count, bool *in_word, size_t *characters) {
    size_t i = start;
    while (i < count) {
        block padded[2];
        const uint8_t *at = readable(bytes + i, count - i, padded);
        block first = load(at), second = load(at + 1), third = load(at + 2);
        mask stop = within(first, 0xC3, 0xE1) | within(first, 0xF0, 0xFF);
        // U+3400 to U+9FFF without the hexagrams, 々 and 〇, and the compatibility ideographs.
        mask han = within(first, 0xE5, 0xE9) | ((first == 0xE4) & (second != 0xB7)) |
                   ((first == 0xE3) & (within(second, 0x90, 0xBF) | ((second == 0x80) & ((third | 2) == 0x87)))) |
                   ((first == 0xEF) & within(second, 0xA4, 0xAB));
        unsigned letters = bits(within(first, 0x30, 0x39) | within(first | 0x20, 0x61, 0x7A));
        unsigned begun = bits(han) | (letters & ~(letters << 1 | *in_word));
        unsigned stops = bits(stop);
        size_t length = stops ? (size_t)__builtin_ctz(stops) : block_length(count - i);
        *characters += (size_t)__builtin_popcount(begun & ((1u << length) - 1));
        if (length) *in_word = letters >> (length - 1) & 1;
        i += length;
        if (stops) return i;
    }
    return count;
}
