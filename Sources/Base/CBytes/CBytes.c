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
    while (i + 18 <= count) {
        block own = load(bytes + i), next = load(bytes + i + 1), third = load(bytes + i + 2);
        unsigned single = bits(within(own, 0x20, 0x7E) | within(own, 0x09, 0x0A));
        // Marks that combine: U+302A to U+302F, U+3099, U+309A; and those of the scripts from U+A000 on.
        mask marks = (own == 0xE3) & (((next == 0x80) & within(third, 0xAA, 0xAF)) | ((next == 0x82) & within(third, 0x99, 0x9A)));
        unsigned leads = bits((within(own, 0xE3, 0xE9) & ~marks) | within(own, 0xEB, 0xEC) | ((own == 0xEF) & within(next, 0xBC, 0xBE)));
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

// Whether Markdown may take the byte for emphasis, code or the beginning of a block, or it is white space.
static bool is_markup(uint8_t byte) { return byte && strchr("#-*+>|`~=_\\ \t\v\f\r", byte); }

// Whether `text`, in lower case, stands at `bytes` in ASCII letters of either case.
static bool starts(const uint8_t *bytes, size_t count, const char *text) {
    size_t i = 0;
    for (; text[i]; i++) {
        if (i >= count || (bytes[i] | 0x20) != (uint8_t)text[i]) return false;
    }
    return true;
}

// Whether a character of more than one byte could be folded into a letter, a colon or nothing.
static bool may_fold(const uint8_t *b, size_t left) {
    uint8_t second = left > 1 ? b[1] : 0, third = left > 2 ? b[2] : 0;
    switch (b[0]) {
    case 0xC2: return second == 0xAD || second == 0xAA || second == 0xBA;
    case 0xC3: return second != 0x97 && second != 0xB7;
    case 0xC4: case 0xC5: case 0xC6: case 0xC7: case 0xC8: case 0xC9: case 0xCA: case 0xCB:
    case 0xCC: case 0xCD: case 0xCE: case 0xCF: case 0xD0: case 0xD1: case 0xD2: case 0xD3: case 0xD4: case 0xD5: case 0xD6:
    // Scripts whose vowels and tones are marks on a letter.
    case 0xD7: case 0xD8: case 0xD9: case 0xDA: case 0xDB: case 0xDC: case 0xDD: case 0xDE: case 0xDF:
    case 0xE0: case 0xE1: case 0xEA: return true;
    case 0xE2:
        switch (second) {
        // Characters without width; dots and ratios; letter-like symbols, Roman numerals and circled letters.
        case 0x80: return (third >= 0x8B && third <= 0x8F) || (third >= 0xA8 && third <= 0xAE);
        case 0x81: return third == 0x9A || third >= 0x9F;
        case 0x82: case 0x83: case 0x84: case 0x85: case 0x92: case 0x93: case 0xA9: case 0xB1: return true;
        case 0x88: return third == 0xB6 || third == 0xB7;
        // Radicals, and letters of Coptic.
        case 0xB2: case 0xB3: case 0xB5: case 0xB7: case 0xBA: case 0xBB: case 0xBC: case 0xBD: case 0xBE: case 0xBF: return true;
        default: return false;
        }
    // Tones and voices that are marks, the filler, and units written as one character.
    case 0xE3: return (second == 0x80 && third >= 0xAA && third <= 0xAF) || (second == 0x82 && (third == 0x99 || third == 0x9A)) || (second == 0x85 && third == 0xA4) || (second >= 0x88 && second <= 0x8F);
    case 0xEF:
        switch (second) {
        case 0xB8: case 0xB9: case 0xBB: case 0xAC: return true;
        // Full-width letters, and the half-width filler.
        case 0xBC: return third >= 0xA1 && third <= 0xBA;
        case 0xBD: return third >= 0x81 && third <= 0x9A;
        case 0xBE: return third == 0xA0 || third == 0x9E || third == 0x9F;
        case 0xBF: return third >= 0xB0;
        default: return false;
        }
    // Mathematical and enclosed letters, tags.
    case 0xF0: return second < 0x9F || (second == 0x9F && third >= 0x84 && third <= 0x87);
    case 0xF3: return true;
    default: return false;
    }
}

// A scalar of three bytes.
static uint32_t scalar3(const uint8_t *b) { return (uint32_t)(b[0] & 0x0F) << 12 | (uint32_t)(b[1] & 0x3F) << 6 | (b[2] & 0x3F); }

// Whether a character like 网 stands at `b`; `VisibilityMarks` lists them too, and those like 内.
static bool is_like_net(const uint8_t *b) {
    if (b[0] < 0xE4 || b[0] > 0xE9) return false;
    switch (scalar3(b)) {
    case 0x7F51: case 0x7DB2: case 0x7EB2: case 0x7F54: case 0x521A: return true;
    default: return false;
    }
}

// Set for the first two bytes of each character of `begins_chinese_mark`: the first one counts from E4, of the second its low six bits.
static const bool begins_word[6][64] = {
    [0] = {[0x38] = true /* 不 */, [0x3F] = true /* 保 */},
    [1] = {[0x05] = true /* 內 */, [0x06] = true /* 内 */, [0x0F] = true /* 可 */, [0x11] = true /* 呐 */},
    [3] = {[0x3A] = true /* 纳 */},
    [4] = {[0x02] = true /* 肉 */, [0x2E] = true /* 讷 */},
    [5] = {[0x1A] = true /* 隐 */, [0x1D] = true /* 非 */},
};

// Bytes at which a mark may begin, or a character that folds into a part of one.
static const bool begins_any[256] = {
    [':'] = true, ['n'] = true, ['N'] = true, ['o'] = true, ['O'] = true, ['i'] = true, ['I'] = true, ['&'] = true, ['v'] = true, ['V'] = true,
    [0xC0 ... 0xFF] = true,
};

// Whether a word of marks begins with the Chinese character at `b`, behind which another one may follow.
static bool begins_chinese_mark(const uint8_t *b) {
    switch (scalar3(b)) {
    // 内网 and 内部 in either script, 内 and a space or ASCII.
    case 0x5185: case 0x5167:
        return is_like_net(b + 3) || (b[3] == 0xE9 && b[4] == 0x83 && b[5] == 0xA8) ||
               (b[3] < 0x80 && b[3] != '\n') || b[3] == 0xC2 || b[3] == 0xE2 || b[3] == 0xE3 || b[3] == 0xEF;
    // Characters that look or sound like 内.
    case 0x8089: case 0x7EB3: case 0x5450: case 0x8BB7: return is_like_net(b + 3);
    // 可见 in either script.
    case 0x53EF: return b[3] == 0xE8 && ((b[4] == 0xA7 && b[5] == 0x81) || (b[4] == 0xA6 && b[5] == 0x8B));
    // 隐藏
    case 0x9690: return b[3] == 0xE8 && b[4] == 0x97 && b[5] == 0x8F;
    // 不公开, 非公开
    case 0x4E0D: case 0x975E: return b[3] == 0xE5 && b[4] == 0x85 && b[5] == 0xAC;
    // 保密
    case 0x4FDD: return b[3] == 0xE5 && b[4] == 0xAF && b[5] == 0x86;
    default: return false;
    }
}

bool xm_may_hold_mark(const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint8_t byte = bytes[i];
        if (!begins_any[byte]) continue;
        size_t left = count - i;
        if (byte >= 0x80) {
            if (byte >= 0xE4 && byte <= 0xE9) {
                if (left >= 6 && begins_word[byte - 0xE4][bytes[i + 1] & 0x3F] && begins_chinese_mark(bytes + i)) return true;
                i += 2;
                continue;
            }
            if (may_fold(bytes + i, left)) return true;
            // ： twice
            if (byte == 0xEF && left > 3 && bytes[i + 1] == 0xBC && bytes[i + 2] == 0x9A) {
                if (bytes[i + 3] == ':') return true;
                if (left >= 6 && bytes[i + 3] == 0xEF && bytes[i + 4] == 0xBC && bytes[i + 5] == 0x9A) return true;
            }
            continue;
        }
        switch (byte) {
        case ':':
            if (left > 2 && bytes[i + 1] == ':' && (bytes[i + 2] == ':' || bytes[i + 2] >= 0x80)) return true;
            if (left > 3 && bytes[i + 1] == 0xEF && bytes[i + 2] == 0xBC && bytes[i + 3] == 0x9A) return true;
            break;
        case 'n': case 'N':
            if (starts(bytes + i, left, "ntranet")) return true;
            break;
        case 'o': case 'O':
            if (starts(bytes + i, left, "only")) {
                // Near a colon or a bracket, or near what may be one, with spaces and marks of emphasis between.
                size_t from = i, to = i + 4;
                while (from > 0 && is_markup(bytes[from - 1])) from--;
                while (to < count && is_markup(bytes[to])) to++;
                from = from > 8 ? from - 8 : 0;
                to = to + 8 < count ? to + 8 : count;
                for (size_t k = from; k < to; k++) {
                    if (bytes[k] >= 0x80 || strchr(":;[{(<", bytes[k])) return true;
                }
            }
            break;
        case 'i': case 'I':
            // The word with a letter wrong: seven to nine letters, and what may be a bracket.
            {
                size_t end = i;
                while (end < count && end < i + 10 && (bytes[end] | 0x20) >= 'a' && (bytes[end] | 0x20) <= 'z') end++;
                if (end >= i + 7 && end <= i + 9 && end < count && (bytes[end] >= 0x80 || strchr("[({<\"'", bytes[end]))) return true;
            }
            // With spaces and marks of emphasis before it or in it.
            if (starts(bytes + i, left, "in") || starts(bytes + i, left, "it") || starts(bytes + i, left, "nt") ||
                (left > 1 && is_markup(bytes[i + 1]))) {
                size_t k = i;
                while (k > 0 && is_markup(bytes[k - 1])) k--;
                if (k > 0 && (bytes[k - 1] == ':' || bytes[k - 1] == 0x9A)) return true;
            }
            break;
        case '&':
            // References by number, and names of what a mark is made of or hides behind.
            if (left > 2 && (bytes[i + 1] == '#' || strchr("clszZneN", bytes[i + 1]) || bytes[i + 1] == 't')) return true;
            break;
        case 'v': case 'V':
            if (starts(bytes + i, left, "visib")) return true;
            break;
        }
    }
    return false;
}

size_t xm_find_any(const uint8_t *bytes, size_t start, size_t count, const bool *set) {
    while (start < count && !set[bytes[start]]) start++;
    return start;
}
