package import PortalBase

/// What anybody may learn who holds a paper and types its verification code: whether it counts, and the digest of its bytes. It
/// names nobody.
package struct Voucher: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable { case valid, replaced, withdrawn }

    /// Stands for the code, which crosses to nobody.
    package let mark: SHA256Digest
    /// What the paper is called.
    package let title: Bilingual
    package let number: String
    package let organ: Bilingual
    package let issued: CivilDate
    /// Of the paper's bytes.
    package let digest: SHA256Digest
    package let state: State
    /// A higher one tells later.
    package let version: Int

    package static let kind = "voucher"

    package init(
        code: SpokenCode, title: Bilingual, number: String, organ: Bilingual, issued: CivilDate, digest: SHA256Digest,
        state: State, version: Int
    ) {
        self.init(
            mark: Self.mark(code), title: title, number: number, organ: organ, issued: issued, digest: digest,
            state: state, version: version)
    }

    private init(
        mark: SHA256Digest, title: Bilingual, number: String, organ: Bilingual, issued: CivilDate, digest: SHA256Digest,
        state: State, version: Int
    ) {
        self.mark = mark
        self.title = title
        self.number = number
        self.organ = organ
        self.issued = issued
        self.digest = digest
        self.state = state
        self.version = version
    }

    package static func mark(_ code: SpokenCode) -> SHA256Digest {
        SHA256Digest(of: Array("xinmi voucher\0\(code.text)".utf8))
    }

    /// What it says, without the item's own id.
    private var fields: [String: JSON] {
        [
            "date": .string(issued.text), "kind": .string(Self.kind), "mark": .string(mark.hex),
            "number": .string(number), "organ": .string(organ.zh), "organEn": .string(organ.en),
            "sha256": .string(digest.hex), "state": .string(state.rawValue), "title": .string(title.zh),
            "titleEn": .string(title.en), "version": .integer(version),
        ]
    }

    package var bytes: [UInt8] { JSON.object(fields).canonicalBytes }

    /// `item.json`
    package func item(id: String) -> [UInt8] {
        JSON.object(fields.merging(["id": .string(id)]) { first, _ in first }).canonicalBytes
    }

    /// Out of `bytes` or an item; nil where a field is missing or malformed.
    package init?(_ bytes: [UInt8]) {
        guard let json = try? JSON(parsing: bytes), let mark = json["mark"]?.string.flatMap(SHA256Digest.init(hex:)),
            let title = json["title"]?.string, let titleEn = json["titleEn"]?.string,
            let organ = json["organ"]?.string, let organEn = json["organEn"]?.string,
            let number = json["number"]?.string, let date = json["date"]?.string.flatMap(CivilDate.init(iso:)),
            let digest = json["sha256"]?.string.flatMap(SHA256Digest.init(hex:)),
            let state = json["state"]?.string.flatMap(State.init(rawValue:)), let version = json["version"]?.integer
        else { return nil }
        self.init(
            mark: mark, title: Bilingual(zh: title, en: titleEn), number: number,
            organ: Bilingual(zh: organ, en: organEn), issued: date, digest: digest, state: state, version: version)
    }
}
