import Ferry
import LaneDatabase
package import PortalBase
import SQL
package import Seals

/// What the core says of papers, so that whoever holds one can ask whether it counts. Nothing here names anybody.
extension SubmissionDatabase {
    static let voucherTables = [
        "CREATE TABLE voucher (mark BLOB PRIMARY KEY, version INTEGER NOT NULL, text BLOB NOT NULL)",
        // Pieces of papers, sealed for the citizen.
        """
        CREATE TABLE status_part (
            lookup BLOB NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, sealed BLOB NOT NULL,
            PRIMARY KEY (lookup, name))
        """,
    ]

    /// A newer voucher takes the place of an older one of the same paper. What was withdrawn stays withdrawn, and a code stays with its
    /// paper: anything else is put aside, with an alarm.
    static func takeVoucher(_ db: any SQLConnection, _ item: [UInt8], at now: Instant) throws {
        guard let came = Voucher(item) else { throw LaneDatabase.RejectedItem(.schema) }
        if let known = try voucher(came.mark, db) {
            guard came.version > known.version else { return }
            guard came.digest == known.digest, came.number == known.number, came.state.mayFollow(known.state) else {
                return try LaneDatabase.alarm(
                    db, receiveLane, .contradiction,
                    "a voucher for \(known.number) contradicts the one that came before (\(known.state.rawValue))", now)
            }
        }
        try db.execute(
            """
            INSERT INTO voucher (mark, version, text) VALUES (?, ?, ?)
            ON CONFLICT (mark) DO UPDATE SET version = excluded.version, text = excluded.text
            """, came.mark.bytes, came.version, came.bytes)
    }

    private static func voucher(_ mark: SHA256Digest, _ db: any SQLConnection) throws -> Voucher? {
        let text: [UInt8]? = try db.value("SELECT text FROM voucher WHERE mark = ?", mark.bytes)
        return text.flatMap { Voucher($0) }
    }

    /// What is known of the paper with a code; nil where there is none.
    package func voucher(_ code: SpokenCode) throws -> Voucher? {
        try database.read { db in try Self.voucher(Voucher.mark(code), db) }
    }
}

extension Voucher.State {
    /// Whether a paper that was in a state may come to this one.
    fileprivate func mayFollow(_ old: Voucher.State) -> Bool {
        switch (old, self) {
        case (.valid, _), (.replaced, .replaced), (.replaced, .withdrawn), (.withdrawn, .withdrawn): true
        default: false
        }
    }
}
