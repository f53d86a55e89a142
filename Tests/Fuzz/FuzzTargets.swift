import Forms
import PortalBase

/// Parsers of outside bytes, for libFuzzer: `Scripts/fuzz NAME SECONDS`. Each must end in an answer for any bytes, and what
/// it accepts must hold.
private let targets: [String: @Sendable ([UInt8]) -> Void] = [
    "multipart": multipart, "contenttype": contentType, "urlencoded": urlencoded, "json": json,
    "definition": definition, "payload": payload, "message": message,
]

nonisolated(unsafe) private let chosen: (([UInt8]) -> Void) = {
    let name = environmentVariable("FUZZ") ?? ""
    guard let target = targets[name] else {
        fatalError("FUZZ must be one of \(targets.keys.sorted().joined(separator: ", "))")
    }
    return target
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    chosen(data.map { Array(UnsafeBufferPointer(start: $0, count: size)) } ?? [])
    return 0
}

/// However a body is cut, it reads the same.
private func multipart(_ bytes: [UInt8]) {
    func read(_ size: Int) -> [MultipartParser.Event]? {
        var parser = MultipartParser(contentType: "multipart/form-data; boundary=b")!
        var events: [MultipartParser.Event] = []
        var rest = bytes[...]
        do {
            while !rest.isEmpty {
                for event in try parser.feed(rest.prefix(size)) {
                    if case .data(let more) = event, case .data(let known)? = events.last {
                        events[events.count - 1] = .data(known + more)
                    } else {
                        events.append(event)
                    }
                }
                rest = rest.dropFirst(size)
            }
        } catch {
            return nil
        }
        return parser.isComplete ? events : nil
    }
    let cut = Int(bytes.first ?? 0) % 13 + 1
    precondition(read(cut) == read(max(1, bytes.count)))
}

private func contentType(_ bytes: [UInt8]) { _ = MultipartParser(contentType: String(decoding: bytes, as: UTF8.self)) }

private func urlencoded(_ bytes: [UInt8]) {
    guard let body = URLEncodedBody(bytes) else { return }
    precondition(body.fields.values.allSatisfy { !$0.isEmpty })
}

/// What is read is written and read again to the same.
private func json(_ bytes: [UInt8]) {
    guard let value = try? JSON(parsing: bytes) else { return }
    precondition(try! JSON(parsing: value.canonicalBytes) == value)
}

private func definition(_ bytes: [UInt8]) {
    guard let form = FormDefinition(canonicalJSON: bytes) else { return }
    _ = FormHTML(definition: form, language: "zh", prefix: "/forms", gazetteer: .empty).form()
    guard case .success(let answers) = form.validate([:]) else { return }
    precondition((try? form.validate(form.input(of: answers.values)).get()) == answers)
}

private func message(_ bytes: [UInt8]) {
    guard let message = CaseMessage(bytes) else { return }
    precondition(message.bytes == bytes)
}

private func payload(_ bytes: [UInt8]) {
    guard let payload = SubmissionPayload(bytes) else { return }
    precondition(payload.bytes == bytes)
}
