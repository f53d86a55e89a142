import ArgumentParser
import CMS
import PortalBase
import Workflow

/// Signs an act at an officer's own machine: it shows what the statement says, asks, and leaves the signature in a file.
@main
struct DeskSign: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "desksign",
        abstract: "Signs an act that the desk offers (办理台的签名), with the key of your usb-key.",
        discussion:
            "The key may be a path without extension (NAME.key and NAME.crt) or a key in a token, such as pkcs11:token=…;object=…?module-path=…&pin-source=file:…&x-certificate=…"
    )

    @Argument(help: "The file that the desk gave (act-….json), or the link that opened this program (xinmi-sign:…).")
    var act: String
    @Option(help: "Your key; else the environment's DESKSIGN_IDENTITY.") var identity: String?
    @Option(help: "Folder for the signature; else beside the file, or the present folder for a link.")
    var into: String?
    @Flag(help: "Signs without asking, for scripts.") var yes = false

    /// No statement is larger: some texts of 4,000 characters.
    private static let mostBytes = 1 << 20

    func run() throws {
        let statement = try read()
        guard let path = identity ?? environmentVariable("DESKSIGN_IDENTITY") else {
            throw ValidationError("name your key: --identity, or DESKSIGN_IDENTITY in the environment")
        }
        guard try Identity.certificate(path: path).publicKeyDigest == statement.key else {
            throw ValidationError(
                "这一份要用登录办理台的那个证书签，不是 \(path)。The statement is for another key, that of the sign-in.")
        }
        for line in statement.shown { print("\(line.label)：\(line.text)") }
        print("时间：\(statement.at.rfc3339(in: .shanghai))")
        if !yes {
            print("要签名吗？输入 y 签名，其他不签。Sign it? [y/N] ", terminator: "")
            guard readLine()?.lowercased() == "y" else {
                print("没有签名。Nothing was signed.")
                throw ExitCode(1)
            }
        }
        let signature = try DetachedSignature.sign(statement.bytes, by: Identity(path: path))
        let file = "\(folder)/act-\(statement.nonce.filter(\.isHexDigit).prefix(8)).p7s"
        try FileSystem.replaceDurably(file, with: signature)
        print("签名在 \(file)：请在办理台的页面上选择它。The signature: choose it on the desk's page.")
    }

    private func read() throws -> ActStatement {
        if act.hasPrefix("xinmi-sign:") {
            guard let statement = ActStatement(link: act) else { throw unreadable }
            return statement
        }
        guard let statement = ActStatement(bytes: try FileSystem.read(act, limit: Self.mostBytes)) else {
            throw unreadable
        }
        return statement
    }

    private var unreadable: ValidationError {
        ValidationError("这不是办理台给出的内容，或已经改动，不能签。It is no act of the desk, or it was changed: nothing is signed.")
    }

    private var folder: String {
        if let into { return into }
        guard !act.hasPrefix("xinmi-sign:"), let slash = act.lastIndex(of: "/") else { return "." }
        return String(act[..<slash])
    }
}
