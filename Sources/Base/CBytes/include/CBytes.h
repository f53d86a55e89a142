// Looks at sixteen bytes of text at a time: what Swift's vector types do an element at a time.
#ifndef XINMI_CBYTES_H
#define XINMI_CBYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// How many bytes at the start, whole characters, are plain UTF-8 text: printable ASCII, tab, line feed, and characters of
// three bytes from U+3000 to U+CFFF and from U+FF00 to U+FFBF. Maybe some too few near the end.
size_t xm_plain_text_prefix(const uint8_t *bytes, size_t count);

// Whether there is a control character other than tab, line feed and carriage return.
bool xm_has_control(const uint8_t *bytes, size_t count);

// How many bytes at the start are none of `& < > " '`, which HTML text does not hold as they are.
size_t xm_plain_prefix(const uint8_t *bytes, size_t count);

// Copies UTF-8 text as far as it may stand in HTML as it is: up to one of `& < > "`, a control character other than tab and
// line feed, or U+FDC0 to U+FDFF. Returns how many bytes that are.
//
// `to` has room for `count` bytes and sixteen more, which may be written over.
size_t xm_copy_text(uint8_t *to, const uint8_t *from, size_t count);

// Goes over UTF-8 text from `start` on, and adds to `characters` what people count: every Chinese character, and every
// run of ASCII letters and digits. `in_word` says whether the byte before was one of such a run.
//
// Stops before a byte that it does not know: the first of a letter of another script or of a character beyond the Basic
// Multilingual Plane.
size_t xm_count_text(const uint8_t *bytes, size_t start, size_t count, bool *in_word, size_t *characters);

// Whether valid UTF-8 could hold what a reader takes for a visibility mark, in any spelling: words of such marks, runs of
// colons, or characters that may fold into either. Says yes too often, and never no where there is one.
bool xm_may_hold_mark(const uint8_t *bytes, size_t count);

// Where a byte whose flag is set among 256 stands next, from `start` on; `count` for nowhere.
size_t xm_find_any(const uint8_t *bytes, size_t start, size_t count, const bool *set);

#endif
