/// Values of an `IN (…)`, the last of them repeated up to the next power of two: few lengths make few statements, and each is prepared
/// and planned once.
package struct SQLList {
    /// `?, ?, …`; NULL where there are no values, which is equal to nothing.
    package let marks: String
    package let values: [SQLValue]

    package init(_ values: some Sequence<some SQLBindable>) {
        var list = values.map(\.sqlValue)
        if let last = list.last {
            var length = 1
            while length < list.count { length *= 2 }
            list += [SQLValue](repeating: last, count: length - list.count)
        }
        self.values = list
        marks = list.isEmpty ? "NULL" : [String](repeating: "?", count: list.count).joined(separator: ", ")
    }
}
