import CMS
import Forms
import Foundation
import PortalBase
import Submissions

/// A citizen's file on its way in: checked, scanned and sealed piece by piece, so that memory holds one part of it and no
/// disk ever holds it readable.
struct FileUpload {
    /// What uploads need.
    struct Services: Sendable {
        let store: SubmissionDatabase
        let recipients: [Certificate]
        /// Nil where no scanner is configured.
        let scanner: ClamScanner.Address?
        /// Bytes of the disk that must stay free.
        let reserve: Int
        /// Bytes that files whose form has not come may take.
        let maxUnclaimed: Int
        let slots: UploadSlots
        let now: @Sendable () -> Instant
    }

    private let services: Services
    private let field: FormDefinition.Field
    private let rule: FormDefinition.FileRule
    private let name: String
    private let scanner: ClamScanner?
    private var file: PendingAttachment
    private var type: AttachmentType?
    private var pending: [UInt8] = []
    private var bytes = 0
    private let digest = SHA256Stream()
    private var active = ActiveContent()
    private let client: [UInt8]
    private var holdsSlot = true
    /// Counts from when the slot was taken.
    private var pace: Pace

    /// Waits for a slot, which `finish` and `discard` give back.
    ///
    /// - Parameters:
    ///   - client: who sends it.
    ///   - name: as the client gave it.
    init(
        _ services: Services, field: FormDefinition.Field, rule: FormDefinition.FileRule, name: String, client: [UInt8]
    ) async throws {
        let (store, now, most) = (services.store, services.now(), services.maxUnclaimed)
        guard store.hasRoom(for: services.reserve),
            try await onBlockingThread({ try store.unclaimedBytes(at: now) }) < most
        else { throw Refusal.unavailable }
        self.services = services
        self.client = client
        file = services.store.newAttachment()
        self.field = field
        self.rule = rule
        self.name = Self.displayName(name)
        try await services.slots.take(client)
        do {
            scanner = try await Self.scanner(services, field)
        } catch {
            await services.slots.give(client)
            throw error
        }
        pace = Pace()
    }

    private static func scanner(_ services: Services, _ field: FormDefinition.Field) async throws -> ClamScanner? {
        guard let address = services.scanner else { return nil }
        if let scanner = try await onBlockingThread({ ClamScanner(address) }) { return scanner }
        throw field.fileUncheckedError
    }

    /// Throws a `FieldError` for a file that the form does not take.
    mutating func append(_ piece: [UInt8]) async throws {
        pace.count(piece.count)
        if await services.slots.isCrowded { try pace.hold(.crowded) }
        bytes += piece.count
        guard bytes <= rule.maxBytes else { throw field.fileSizeError }
        pending += piece
        digest.append(piece)
        if type == nil, pending.count >= AttachmentType.headBytes { try checkType() }
        guard !active.feed(piece) else { throw field.fileUnsafeError }
        if let scanner { try await onBlockingThread { scanner.feed(piece) } }
        // What fills a part exactly waits: the last part is never empty.
        while pending.count > AttachmentDescription.partBytes {
            guard services.store.hasRoom(for: services.reserve) else { throw Refusal.unavailable }
            let part = Array(pending[..<AttachmentDescription.partBytes])
            pending.removeFirst(AttachmentDescription.partBytes)
            try await services.store.add(seal(part), to: &file, at: services.now())
        }
    }

    /// Ends the file; what is not clean is taken back.
    ///
    /// - Returns: the file with its claim.
    mutating func finish() async throws -> StoredAttachment {
        do {
            let file = try await complete()
            await giveSlot()
            return file
        } catch {
            try await discard()
            throw error
        }
    }

    private mutating func complete() async throws -> StoredAttachment {
        guard bytes > 0 else { throw field.fileEmptyError }
        if type == nil { try checkType() }
        if let scanner {
            switch try await onBlockingThread({ scanner.verdict() }) {
            case .clean: break
            case .infected: throw field.fileUnsafeError
            case .unknown: throw field.fileUncheckedError
            }
        }
        let description = AttachmentDescription(
            field: field.id, name: name, type: type!.mediaType, bytes: bytes, digest: digest.digest())
        return try await services.store.finish(file, last: seal(pending), description, at: services.now())
    }

    /// Takes back what was stored of it.
    mutating func discard() async throws {
        await giveSlot()
        try await services.store.discard(file)
    }

    private mutating func giveSlot() async {
        guard holdsSlot else { return }
        holdsSlot = false
        await services.slots.give(client)
    }

    private mutating func checkType() throws {
        guard let told = AttachmentType(head: pending), rule.types.contains(told),
            told.endings.contains(where: { name.lowercased().hasSuffix($0) })
        else { throw field.fileTypeError }
        type = told
        active.isPDF = told == .pdf
        guard !active.feed(pending) else { throw field.fileUnsafeError }
    }

    private func seal(_ plain: [UInt8]) async throws -> [UInt8] {
        let recipients = services.recipients
        return try await onBlockingThread { try Envelope.seal(plain, for: recipients) }
    }

    /// Without what could mislead whoever reads it in a list, and not too long.
    static func displayName(_ name: String) -> String {
        let clean = name.precomposedStringWithCanonicalMapping.unicodeScalars.filter { scalar in
            scalar.properties.generalCategory != .control && scalar.properties.generalCategory != .format
        }
        let text = String(String.UnicodeScalarView(clean))
        guard text.count > 100 else { return text }
        let ending = text.lastIndex(of: ".").map { text[$0...].suffix(10) } ?? ""
        return text.prefix(90) + "…" + ending
    }
}

/// Finds what makes a PDF act by itself: scripts, programs to start, files inside. The scanner looks deeper; this holds
/// where there is none.
private struct ActiveContent {
    var isPDF = false
    private var tail: [UInt8] = []
    private static let words = ["/JavaScript", "/Launch", "/EmbeddedFile", "/RichMedia"].map { Array($0.utf8) }
    private static let longest = 13

    /// Whether it was found.
    mutating func feed(_ piece: [UInt8]) -> Bool {
        guard isPDF else { return false }
        let bytes = tail + piece
        tail = Array(bytes.suffix(Self.longest - 1))
        return Self.words.contains { word in
            var rest = bytes[...]
            while let slash = rest.firstIndex(of: UInt8(ascii: "/")) {
                if rest[slash...].starts(with: word) { return true }
                rest = rest[(slash + 1)...]
            }
            return false
        }
    }
}
