import Authority
import CMS
import Cases
import HTTPTypes
import Hummingbird
import NIOCore
import PortalBase
import Templates
import Workflow

/// Acts at level 4: a page between the form and the act offers the statement, and takes the officer's signature over it.
extension DeskController {
    private static let signingMinutes = ActStatement.validity / 60
    /// Name of the button that leads from the signature back to the form.
    static let editing = "edit"

    /// An act that waits for its signature.
    struct Unsigned {
        /// Empty where the act begins a case.
        let subject: String
        let command: Command
        let ticket: StaffAuthenticator.Ticket
        let officer: Officer
        /// Of the action.
        let name: String
        /// Where the form was posted.
        let address: String
        /// The act as the officer reads it.
        let shown: [ActStatement.Line]
    }

    private func statement(_ act: Unsigned, _ member: CaseStore.Member, at moment: Instant) -> ActStatement {
        ActStatement(
            subject: act.subject, command: act.command, grounds: act.ticket.grounds, nonce: act.ticket.nonce,
            officer: act.officer, key: member.key, at: moment, shown: act.shown)
    }

    /// The signature that a form brought; nil where it came from the page before, which has none.
    func signature(
        _ act: Unsigned, _ member: CaseStore.Member, _ typed: [String: [String]]
    ) throws -> SignedAct? {
        guard let given = typed["statement"]?.first else { return nil }
        func problem(_ code: String, _ text: String) -> ActionForm.Problem {
            ActionForm.Problem(code: code, text: text + "请核对下面填写的内容，重新提交后再签一次。")
        }
        guard let bytes = bytesFromBase64(given), let said = ActStatement(bytes: bytes) else {
            throw StaffAuthenticator.Refusal.badToken
        }
        try authenticator.check(statement: bytes, token: typed["statementToken"]?.first ?? "", member)
        guard said == statement(act, member, at: said.at) else {
            throw problem("signatureOther", "签名的内容和提交的不一样，没有办理。")
        }
        guard said.isTimely(at: now) else {
            throw problem("signatureLate", "签名要在 \(Self.signingMinutes) 分钟以内交回，已经过时，没有办理。")
        }
        guard let file = typed["signature"]?.first.flatMap(bytesFromBase64), !file.isEmpty else {
            throw problem("signatureMissing", "没有选择签名文件（.p7s），没有办理。")
        }
        let signature = Self.der(file)
        let certificate: Certificate
        do {
            certificate = try DetachedSignature.pinnedSigner(of: signature, over: bytes, allowed: [member.key])
        } catch  where error.code == .signerNotAllowed {
            throw problem("signatureKey", "这不是您登录所用的证书签的，没有办理。")
        } catch {
            throw problem("signatureBad", "签名文件不对：不是对这一份内容的签名，或文件坏了，没有办理。")
        }
        do {
            try authenticator.configuration.verifySigning(certificate, at: now)
        } catch let error as CryptoError where error.code == .untrusted {
            throw problem("signatureCertificate", "您的证书不能用来签名（\(error.detail)），没有办理。请联系证书管理员。")
        }
        return SignedAct(statement: bytes, signature: signature)
    }

    /// A signature file may be in DER or in PEM, as tools write it.
    private static func der(_ file: [UInt8]) -> [UInt8] {
        guard file.starts(with: "-----BEGIN".utf8) else { return file }
        let lines = String(decoding: file, as: UTF8.self).split(whereSeparator: \.isNewline)
        return bytesFromBase64(lines.filter { !$0.hasPrefix("-----") }.joined()) ?? file
    }

    /// The page that offers a statement to be signed.
    func signingPage(_ act: Unsigned, _ member: CaseStore.Member, _ typed: [String: [String]]) throws -> Response {
        let statement = statement(act, member, at: now)
        let bytes = statement.bytes
        let kept = typed.filter { $0.key.hasPrefix(ActionForm.prefix) }.sorted { $0.key < $1.key }
        let fields = frame(member, "签名：\(act.name)").merging([
            "address": .text(act.address), "name": .text(act.name), "minutes": .number(Self.signingMinutes),
            "edit": .text(Self.editing),
            "token": .text(typed["token"]?.first ?? ""), "grounds": .text(act.ticket.grounds.hex),
            "nonce": .text(act.ticket.nonce), "statement": .text(base64(bytes)),
            "statementToken": .text(authenticator.token(statement: bytes, member)),
            "file": .text(statement.fileName + ".json"), "link": .text(statement.link),
            "lines": .list(
                act.shown.map { .fields(["label": .text($0.label), "text": .text($0.text)]) }),
            "kept": .list(
                kept.flatMap { name, values in
                    values.map { .fields(["name": .text(name), "value": .text($0)]) }
                }),
        ]) { $1 }
        return page(.ok, try views.render("sign", fields))
    }

    /// What an officer signed, or their signature over it, to be checked with other tools.
    func signedAct(_ id: String, _ file: String, _ member: CaseStore.Member) throws -> Response {
        let view = try cases.view(id, as: member.posts, at: now)
        let parts = file.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let version = Int(parts[0]),
            let signed = view.events.first(where: { $0.version == version })?.signed
        else { throw Missing() }
        let (bytes, type): ([UInt8], String)
        switch parts[1] {
        case "json": (bytes, type) = (signed.statement, "application/json")
        case "p7s": (bytes, type) = (signed.signature, "application/pkcs7-signature")
        default: throw Missing()
        }
        return Response(
            status: .ok, headers: Self.download(type, "act-\(view.subject.shownNumber)-\(file)", bytes.count),
            body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
