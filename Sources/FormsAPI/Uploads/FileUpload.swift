import CMS
import Forms
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
        /// Told of bytes that come, and from whom.
        let count: @Sendable (Int, [UInt8]) -> Void
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
    private var slot: UploadSlots.Ticket?
    /// Counts from when the slot was taken.
    private var pace: Pace

    /// Waits for a slot, which `finish` and `discard` give back.
    ///
    /// - Parameters:
    ///   - client: who sends it.
    ///   - name: as the client gave it.
    ///   - lifetime: seconds that the file waits for its form.
    init(
        _ services: Services, field: FormDefinition.Field, rule: FormDefinition.FileRule, name: String, client: [UInt8],
        lifetime: Int = StoredAttachment.claimLifetime
    ) async throws {
        let (store, now, most) = (services.store, services.now(), services.maxUnclaimed)
        guard store.hasRoom(for: services.reserve) else { throw Refusal.unavailable }
        // A look at the database waits on a thread of its own; a full pool alone needs a write.
        let isFull = try await onBlockingThread { try store.unclaimedBytes(at: now) >= most }
        if isFull, try await !store.makeRoom(below: most, at: now) { throw Refusal.unavailable }
        self.services = services
        self.client = client
        file = services.store.newAttachment(lifetime: lifetime)
        self.field = field
        self.rule = rule
        self.name = Self.displayName(name)
        let slot = try await services.slots.take(client)
        do {
            scanner = try await Self.scanner(services, field)
        } catch {
            await services.slots.give(slot)
            throw error
        }
        self.slot = slot
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
        if let slot, try await services.slots.progress(slot) { try pace.hold(.crowded) }
        bytes += piece.count
        services.count(piece.count, client)
        guard bytes <= rule.maxBytes else { throw field.fileSizeError }
        pending += piece
        digest.append(piece)
        if type == nil, pending.count >= AttachmentType.headBytes { _ = try checkType() }
        guard !active.feed(piece) else { throw field.fileUnsafeError }
        if let scanner { try await onBlockingThread { scanner.feed(piece) } }
        // What fills a part exactly waits: the last part is never empty.
        while pending.count > AttachmentDescription.partBytes {
            guard services.store.hasRoom(for: services.reserve) else { throw Refusal.unavailable }
            let part = Array(pending[..<AttachmentDescription.partBytes])
            pending.removeFirst(AttachmentDescription.partBytes)
            try await services.store.add(seal(part), to: &file, at: services.now())
        }
        if let slot { await services.slots.rest(slot) }
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
        if let slot { _ = try await services.slots.progress(slot) }
        guard bytes > 0 else { throw field.fileEmptyError }
        let type = try self.type ?? checkType()
        guard !active.feed([], isLast: true) else { throw field.fileUnsafeError }
        if let scanner {
            switch try await onBlockingThread({ scanner.verdict() }) {
            case .clean: break
            case .infected: throw field.fileUnsafeError
            case .unknown: throw field.fileUncheckedError
            }
        }
        let description = AttachmentDescription(
            field: field.id, name: name, type: type.mediaType, bytes: bytes, digest: digest.digest())
        return try await services.store.finish(file, last: seal(pending), description, at: services.now())
    }

    /// Takes back what was stored of it.
    mutating func discard() async throws {
        await giveSlot()
        try await services.store.discard(file)
    }

    private mutating func giveSlot() async {
        guard let slot else { return }
        self.slot = nil
        await services.slots.give(slot)
    }

    private mutating func checkType() throws -> AttachmentType {
        guard let told = AttachmentType(head: pending), rule.types.contains(told) else { throw field.fileTypeError }
        // A name without an ending passes; an ending of another type would make an officer's program open the file as that type.
        if let ending = Self.ending(name), !told.endings.contains(ending) {
            throw field.fileNameError(told, ending: ending)
        }
        type = told
        active.isPDF = told == .pdf
        guard !active.feed(pending) else { throw field.fileUnsafeError }
        return told
    }

    private func seal(_ plain: [UInt8]) async throws -> [UInt8] {
        let recipients = services.recipients
        return try await onBlockingThread { try Envelope.seal(plain, for: recipients) }
    }

    /// `.jpg` in lower case; nil for a name without one.
    private static func ending(_ name: String) -> String? {
        guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return nil }
        let ending = name[dot...].lowercased()
        return ending.utf8.count > 1 && ending.utf8.count <= 8 ? ending : nil
    }

    /// Without what could mislead whoever reads it in a list, and not too long.
    static func displayName(_ name: String) -> String {
        guard name.utf8.count <= 4_096, StreamSafe.holds(name) else { return "file" }
        let clean = name.nfc.unicodeScalars.filter { scalar in
            !PublishableText.isForbidden(scalar, allowsBreaks: false)
                && scalar.properties.generalCategory != .format && !scalar.properties.isDefaultIgnorableCodePoint
        }
        let text = String(String.UnicodeScalarView(clean))
        if PublishableText.isInvisible(text) { return "file" }
        guard text.unicodeScalars.count > 100 else { return text }
        let ending = text.lastIndex(of: ".").map { text[$0...].suffix(10) } ?? ""
        return String(text.unicodeScalars.prefix(90)) + "…" + ending
    }
}
