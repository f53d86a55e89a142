import Foundation
import GRDB

/// Byte arrays as SQLite blobs.
enum Blob {
    typealias Bytes = Data

    static func fetch(_ db: Database, _ sql: String, _ blobs: [[UInt8]]) throws -> [UInt8]? {
        try Data.fetchOne(db, sql: sql, arguments: StatementArguments(blobs.map(\.data))).map { [UInt8]($0) }
    }
}

extension [UInt8] {
    var data: Data { Data(self) }
}

extension Data {
    var bytes: [UInt8] { [UInt8](self) }
}
