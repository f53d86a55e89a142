import CMS
import Ferry
import Forms
import Foundation
import PortalBase
import PositionedYAML
import Procedures
import SiteBundle
import SiteModel
import Workflow

/// Parsers of outside bytes, for libFuzzer: `Scripts/fuzz NAME SECONDS`. Each must end in an answer for any bytes, and what
/// it accepts must hold.
private let targets: [String: @Sendable ([UInt8]) -> Void] = [
    "multipart": multipart, "contenttype": contentType, "urlencoded": urlencoded, "json": json, "forwarded": forwarded,
    "definition": definition, "payload": payload, "message": message, "manifest": manifest, "ack": acknowledgement,
    "epoch": epoch, "slip": slip, "tar": tar, "envelope": envelope, "signature": signature, "item": item,
    "bundle": bundle,
    "tree": tree, "text": text, "marks": marks, "numbers": numbers, "words": words, "workdays": workdays,
    "head": head, "csv": csv, "drawing": drawing, "document": document, "process": process,
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

/// Whoever is found was named by the connection or the header, and nobody speaks for a peer that is not trusted.
private func forwarded(_ bytes: [UInt8]) {
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        .map(String.init)
    let peer = IPAddress(lines[0])
    let trusted = lines.dropFirst().prefix(2).compactMap(AddressRange.init)
    let values = Array(lines.dropFirst(3))
    precondition(IPAddress.client(peer: peer, forwardedFor: values, trusted: []) == peer || peer == nil)
    let found = IPAddress.client(peer: peer, forwardedFor: values, trusted: trusted)
    let named = values.flatMap { $0.split(separator: ",") }.compactMap {
        IPAddress($0.split { $0 == " " || $0 == "\t" }.joined(separator: " "))
    }
    precondition(found == peer || found.map(named.contains) == true)
    if let peer, !trusted.contains(where: { $0.contains(peer) }) { precondition(found == peer) }
}

/// What is read is written and read again to the same.
private func json(_ bytes: [UInt8]) {
    guard let value = try? JSON(parsing: bytes) else { return }
    precondition(try! JSON(parsing: value.canonicalBytes) == value)
}

// MARK: Text

/// What is folded or cleaned stays so, and what was clean has no forbidden character that cleaning takes away.
private func text(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    let cleaned = PublishableText.cleaned(text)
    precondition(PublishableText.cleaned(cleaned).unicodeScalars.elementsEqual(cleaned.unicodeScalars))
    if let found = PublishableText.forbidden(in: text) { precondition(found.offset < text.utf8.count) }
    let folded = TextFolding.folded(text)
    if StreamSafe.holds(text), StreamSafe.holds(folded) {
        precondition(TextFolding.folded(folded).unicodeScalars.elementsEqual(folded.unicodeScalars))
    }
    _ = Masking.finding(in: text, secrets: [.init(label: "a", text: "王小明")])
}

/// What the quick look passes over holds no mark.
private func marks(_ bytes: [UInt8]) {
    guard String(validating: bytes, as: UTF8.self) != nil else { return }
    let found = VisibilityMarks.look(in: bytes)
    precondition(found.isEmpty || bytes.withUnsafeBufferPointer { VisibilityMarks.mayStand(in: $0) })
    precondition(zip(found, found.dropFirst()).allSatisfy(<=) && found.allSatisfy { $0 < bytes.count })
}

private func numbers(_ bytes: [UInt8]) {
    for found in PersonalNumbers.find(in: bytes) {
        precondition(found.offset < bytes.count && found.digits.count >= 11)
    }
}

/// What is stored is stored as itself.
private func words(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    guard case .success(let stored) = FormDefinition.stored(words: text, allowsBreaks: true) else { return }
    precondition(PublishableText.forbidden(in: stored) == nil)
    guard case .success(let again) = FormDefinition.stored(words: stored, allowsBreaks: true) else {
        preconditionFailure("refused: \(stored.debugDescription)")
    }
    precondition(again.unicodeScalars.elementsEqual(stored.unicodeScalars))
}

private func workdays(_ bytes: [UInt8]) {
    guard let rows = try? WorkingCalendar.rows(csv: bytes) else { return }
    precondition((try? WorkingCalendar.rows(csv: WorkingCalendar.csv(rows)))?.count == rows.count)
}

/// The quick reader of heads reads what the reader of the whole language reads, or leaves it to that one.
private func head(_ bytes: [UInt8]) {
    // The loader refuses other characters before it reads a head.
    guard let text = String(validating: bytes, as: UTF8.self), PublishableText.forbidden(in: text) == nil else {
        return
    }
    var (quick, whole): ([Diagnostic], [Diagnostic]) = ([], [])
    let first = YAMLNode.parse(head: bytes[...], path: "a.md", firstLine: 2, diagnostics: &quick)
    let second = YAMLNode.parse(text, path: "a.md", firstLine: 2, diagnostics: &whole)
    // A head that is one text is told as a slip.
    if case .scalar? = second?.value { return }
    precondition(first == second && quick == whole)
}

/// An office file or a PDF, whichever it is.
private func document(_ bytes: [UInt8]) {
    let traces = bytes.starts(with: "PK".utf8) ? DocumentTraces(archive: bytes) : DocumentTraces(pdf: bytes)
    precondition(traces?.authors.allSatisfy { !$0.isEmpty } ?? true)
}

/// A definition that is taken reads the same out of its source, and can be drawn and exported.
private func process(_ bytes: [UInt8]) {
    var diagnostics: [Diagnostic] = []
    guard let text = String(validating: bytes, as: UTF8.self),
        let node = YAMLNode.parse(text, path: "p.yaml", diagnostics: &diagnostics),
        let process = Procedures.Process(
            node, names: .init(roles: ["clerk"], units: ["office"]), diagnostics: &diagnostics)
    else { return }
    precondition(Procedures.Process(stored: process.source)?.digest == process.digest)
    _ = ProcessDrawing(process, language: "zh").svg + BPMN(process, language: "en").xml
}

/// What is read without a finding and written with every cell in quotes reads the same.
private func csv(_ bytes: [UInt8]) {
    // The loader hands over UTF-8 whose lines end in line feeds alone.
    guard !bytes.contains(0x0D), String(validating: bytes, as: UTF8.self) != nil else { return }
    var found: [Diagnostic] = []
    let records = CSV.parse(bytes, path: "a.csv", diagnostics: &found)
    guard found.isEmpty else { return }
    var written: [UInt8] = []
    for record in records {
        for (place, cell) in record.cells.enumerated() {
            written += place == 0 ? "\"".utf8 : ",\"".utf8
            // By bytes: a mark behind a quote would make one character of both.
            for byte in cell.utf8 { written += byte == UInt8(ascii: "\"") ? [byte, byte] : [byte] }
            written.append(UInt8(ascii: "\""))
        }
        written.append(0x0A)
    }
    let again = CSV.parse(written, path: "a.csv", diagnostics: &found)
    precondition(found.isEmpty && again.map(\.cells) == records.map(\.cells))
}

/// Whatever passes as a drawing declares no entity and no type.
private func drawing(_ bytes: [UInt8]) {
    guard DrawingCheck.problem(bytes) == nil else { return }
    let text = String(decoding: bytes, as: UTF8.self)
    precondition(!text.contains("<!DOCTYPE") && !text.contains("<!ENTITY"))
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

// MARK: What crosses

private func manifest(_ bytes: [UInt8]) {
    guard let manifest = BatchManifest(bytes) else { return }
    precondition(manifest.bytes == bytes)
    precondition(manifest.parts.allSatisfy { $0.name.hasPrefix(manifest.stem) && !$0.name.contains("/") })
}

private func acknowledgement(_ bytes: [UInt8]) {
    guard let ack = Acknowledgement(bytes) else { return }
    precondition(ack.bytes == bytes)
}

private func epoch(_ bytes: [UInt8]) {
    guard let record = EpochRecord(bytes) else { return }
    precondition(record.bytes == bytes)
}

private func bundle(_ bytes: [UInt8]) {
    guard let record = BundleRecord(bytes) else { return }
    precondition(record.bytes == bytes)
}

private func tree(_ bytes: [UInt8]) {
    guard let tree = SiteTree(bytes) else { return }
    precondition(tree.bytes == bytes)
    precondition(tree.files.keys.allSatisfy(isBelow))
}

/// A path that leads nowhere but down.
private func isBelow(_ path: String) -> Bool {
    path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !["", ".", ".."].contains($0) }
}

private func slip(_ bytes: [UInt8]) {
    guard let slip = GapSlip(typed: String(decoding: bytes, as: UTF8.self)) else { return }
    precondition(GapSlip(typed: slip.text) == slip)
}

/// However an archive is cut, it reads the same, and what comes out of it is what went in.
private func tar(_ bytes: [UInt8]) {
    func read(_ size: Int) -> [String]? {
        var reader = TarReader(maxEntryBytes: 1 << 20, maxEntries: 64)
        var files: [String] = []
        var rest = bytes[...]
        do {
            while !rest.isEmpty {
                try reader.feed(Array(rest.prefix(size))) { piece in
                    switch piece {
                    case .begin(let name, let size, let offset):
                        precondition(isBelow(name) && offset + size >= 512)
                        files.append("\(name) \(size) \(offset) ")
                    case .content(let bytes): files[files.count - 1] += hexText(bytes)
                    case .end: files[files.count - 1] += "."
                    }
                }
                rest = rest.dropFirst(size)
            }
            try reader.finish()
        } catch {
            return nil
        }
        return files
    }
    let cut = Int(bytes.first ?? 0) * 5 + 1
    precondition(read(cut) == read(max(1, bytes.count)))
}

private func item(_ bytes: [UInt8]) {
    guard let json = try? JSON(parsing: bytes) else { return }
    let item = FerryItem(
        kind: json["kind"]?.string ?? "", id: json["id"]?.string ?? "", parts: [.init(name: "item.json", bytes: bytes)])
    for registry in [KindRegistry.edgeToCore, .coreToEdge] {
        // What may cross says its own kind and id.
        if (try? registry.refusal(of: item)) == .some(nil) { precondition(json.canonicalBytes == bytes) }
    }
}

/// Made by `Scripts/dev-ca`; `Scripts/fuzz` names the folder.
private let keys = environmentVariable("FUZZ_KEYS") ?? ""
private let identity = try! Identity(path: keys + "/desk/desk-open")
private let signer = try! Identity(path: keys + "/edge/edge-sign").certificate
private let trust = try! TrustStore(authorities: FileSystem.read(keys + "/ca.crt"))
private let day = Instant(iso: "2026-09-01T09:00:00+08:00", zone: .shanghai)!

/// Nothing opens but what was sealed: the seed says so in its content.
private func envelope(_ bytes: [UInt8]) {
    guard let opened = try? Envelope.open(bytes, with: identity) else { return }
    precondition(opened == Array("seed".utf8))
}

/// Nothing verifies but what was signed.
private func signature(_ bytes: [UInt8]) {
    _ = try? DetachedSignature.verify(
        bytes, over: Array("seed".utf8), trust: trust, allowed: [signer.publicKeyDigest], at: day, revokedBy: day)
    precondition(
        (try? DetachedSignature.verify(
            bytes, over: Array("other".utf8), trust: trust, allowed: [signer.publicKeyDigest], at: day, revokedBy: day))
            == nil)
}
