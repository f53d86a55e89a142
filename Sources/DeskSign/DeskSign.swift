import ArgumentParser
import CMS
import Glibc
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
    @Option(help: "Folder for the signature; else beside the file, or the folder of downloads for a link.")
    var into: String?
    @Flag(help: "Signs without asking, for scripts.") var yes = false

    /// No statement is larger: some texts of 4,000 characters.
    private static let mostBytes = 1 << 20

    func run() throws {
        // A window that a link opened closes with the program.
        defer { pause() }
        do {
            try sign()
        } catch let error where !(error is ExitCode) && isWindow {
            print("\(error)")
            throw ExitCode(1)
        }
    }

    private func sign() throws {
        let statement = try read()
        guard let path = identity ?? environmentVariable("DESKSIGN_IDENTITY") else {
            throw ValidationError("name your key: --identity, or DESKSIGN_IDENTITY in the environment")
        }
        guard try Identity.certificate(path: path).publicKeyDigest == statement.key else {
            throw ValidationError(
                "这一份要用登录办理台的那个证书签，不是 \(path)。The statement is for another key, that of the sign-in.")
        }
        let folder = try folder
        for line in statement.readable { print(line) }
        if !yes {
            print("要签名吗？输入 y 签名，其他不签。Sign it? [y/N] ", terminator: "")
            guard readLine()?.lowercased() == "y" else {
                print("没有签名。Nothing was signed.")
                throw ExitCode(1)
            }
        }
        let signature = try DetachedSignature.sign(statement.bytes, by: Identity(path: path))
        let file = "\(folder)/\(statement.fileName).p7s"
        try FileSystem.replaceDurably(file, with: signature)
        print("签名在 \(file)：请在办理台的页面上选择它。The signature: choose it on the desk's page.")
    }

    private var isLink: Bool { act.hasPrefix(ActStatement.scheme) }

    private var isWindow: Bool { isLink && isatty(STDIN_FILENO) == 1 }

    private func pause() {
        guard isWindow, !yes else { return }
        print("按回车关闭。Press Enter to close.")
        _ = readLine()
    }

    private func read() throws -> ActStatement {
        let statement =
            isLink ? ActStatement(link: act) : ActStatement(bytes: try FileSystem.read(act, limit: Self.mostBytes))
        guard let statement else {
            throw ValidationError(
                "这不是办理台给出的内容，或已经改动，不能签。It is no act of the desk, or it was changed: nothing is signed.")
        }
        return statement
    }

    /// Where the signature goes; it must be there before anybody signs.
    private var folder: String {
        get throws {
            var candidates = [into].compactMap { $0 }
            if candidates.isEmpty, isLink {
                let home = environmentVariable("HOME") ?? "."
                candidates = ["\(home)/Downloads", "\(home)/下载", home]
            } else if candidates.isEmpty {
                candidates = [act.lastIndex(of: "/").map { String(act[..<$0]) } ?? "."]
            }
            guard let found = candidates.first(where: { FileSystem.kind($0.isEmpty ? "/" : $0) == .directory }) else {
                throw ValidationError("没有文件夹 \(candidates[0])，没有签名。There is no such folder: nothing is signed.")
            }
            return found
        }
    }
}

extension ActStatement {
    /// What is signed, for a terminal: first as the desk words it, then action, case, inputs, signer and time as they are signed. Nothing in it moves the cursor or turns the direction of writing.
    fileprivate var readable: [String] {
        let words = shown.map { Self.plain("\($0.label)：\($0.text)") }
        let inputs = command.inputs.sorted { $0.key < $1.key }.map {
            "\($0.key)=\($0.value.answer?.canonicalText ?? "")"
        }
        let fields = [
            "操作 action \(command.action)" + (command.task.map { "，任务 task \($0)" } ?? ""),
            "办件 subject \(subject.isEmpty ? "（新增 new）" : subject)", "填写 inputs \(inputs.joined(separator: "；"))",
            "签名人 \(person)，\(role)@\(unit)" + (deputised.map { "，代 for \($0)" } ?? ""),
            "时间 \(at.rfc3339(in: .shanghai))",
        ]
        return words + ["—— 签名的操作、办件、填写、签名人、时间 As signed: action, case, inputs, signer, time ——"]
            + fields.map(Self.plain)
    }

    private static func plain(_ text: String) -> String {
        var out = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control where scalar == "\n": out.append(contentsOf: "\n    ".unicodeScalars)
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                out.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
            default: out.append(scalar)
            }
        }
        return String(out)
    }
}
