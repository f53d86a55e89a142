package import PortalBase

/// One question and one answer over a socket: a head of canonical JSON and a body, each with its length before it.
package enum PaperExchange {
    /// Why no answer came that could be used; a closed list, for logs and officers.
    package enum Failure: String, Error, Sendable, CaseIterable {
        /// Nobody listens, or the answer did not come in time.
        case unreachable
        /// The question cannot be read.
        case malformed
        /// What was drawn is no PDF, or too large.
        case unusable
        /// Drawing took too long, or failed.
        case notDrawn
        /// There is no key for the organ.
        case noKey
        /// The number stands on another paper.
        case numberUsed
        /// The key did not sign, or the register cannot be written.
        case notSigned
        /// The signature does not hold: another key's, revoked, expired.
        case badSignature
        /// There is no template, or it does not work.
        case template
    }

    package struct Message: Sendable {
        package let head: [String: JSON]
        package let body: [UInt8]

        package init(head: [String: JSON], body: [UInt8]) {
            self.head = head
            self.body = body
        }
    }

    /// Most bytes of a paper as it is drawn.
    package static let maxPaper = 4 << 20
    private static let maxHead = 64 << 10
    private static let maxBody = 8 << 20

    static func write(_ message: Message, to connection: SocketConnection) {
        let head = JSON.object(message.head).canonicalBytes
        connection.send(length(head.count) + head + length(message.body.count) + message.body)
    }

    static func read(from connection: SocketConnection) -> Message? {
        guard let head = block(maxHead, connection), let json = (try? JSON(parsing: head))?.object,
            let body = block(maxBody, connection)
        else { return nil }
        return Message(head: json, body: body)
    }

    private static func length(_ count: Int) -> [UInt8] { withUnsafeBytes(of: UInt32(count).bigEndian) { Array($0) } }

    private static func block(_ most: Int, _ connection: SocketConnection) -> [UInt8]? {
        guard let length = connection.receive(exactly: 4) else { return nil }
        let count = length.reduce(0) { $0 << 8 | Int($1) }
        return count <= most ? connection.receive(exactly: count) : nil
    }

    /// Puts a question to the process that serves a socket.
    ///
    /// - Parameter seconds: until the answer must begin.
    package static func ask(
        _ socket: String, _ question: Message, seconds: Int
    ) throws(Failure) -> [UInt8] {
        guard let connection = SocketConnection(toPath: socket, seconds: seconds, inAll: 2 * seconds) else {
            throw .unreachable
        }
        write(question, to: connection)
        guard let answer = read(from: connection) else { throw .unreachable }
        guard answer.head["ok"]?.bool == true else {
            throw answer.head["error"]?.string.flatMap(Failure.init(rawValue:)) ?? .unreachable
        }
        return answer.body
    }

    /// Answers questions at a socket, one after the other, for ever.
    package static func serve(
        _ socket: String, _ answer: (Message) throws(Failure) -> [UInt8]
    ) throws(FileError) -> Never {
        try SocketConnection.serve(socket, mode: 0o660, seconds: 10) { connection in
            let reply: Message
            do throws(Failure) {
                guard let question = read(from: connection) else { throw .malformed }
                reply = Message(head: ["ok": .bool(true)], body: try answer(question))
            } catch {
                reply = Message(head: ["ok": .bool(false), "error": .string(error.rawValue)], body: [])
            }
            write(reply, to: connection)
        }
    }
}
