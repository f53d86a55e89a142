/// The known name closest to what somebody wrote, for "did you mean": at most a third of it, or 2 edits, away.
package func nearestName(to written: String, among known: some Sequence<String>) -> String? {
    let limit = max(2, written.utf8.count / 3)
    return known.map { ($0, editDistance(Array(written.utf8), Array($0.utf8))) }
        .filter { $0.1 <= limit }
        .min { ($0.1, $0.0) < ($1.1, $1.0) }?.0
}

/// The remedy that offers a nearest name; nil where there is none near enough.
package func didYouMean(_ hint: String?) -> Bilingual? {
    hint.map { Bilingual(zh: "是不是“\($0)”？", en: "did you mean `\($0)`?") }
}

/// Levenshtein distance with adjacent transpositions (optimal string alignment).
package func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var rows = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
    for i in 0...a.count { rows[i][0] = i }
    for j in 0...b.count { rows[0][j] = j }
    for i in 0..<a.count {
        for j in 0..<b.count {
            var best = min(rows[i][j + 1] + 1, rows[i + 1][j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
            rows[i + 1][j + 1] = best
        }
    }
    return rows[a.count][b.count]
}
