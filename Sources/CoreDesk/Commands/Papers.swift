import ArgumentParser
import CMS
import Foundation
import LaneService
import Papers
import PortalBase
import PositionedYAML

/// Draws pages as PDF for the desk: a process of a user who has no key, no database and no network.
struct Render: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Draws papers as PDF, for `coredesk serve`: run it as a user of its own, without network.")
    @Option(help: "Socket at which it listens; the desk's group may write to it.") var socket: String
    @Option(help: "Folder of its own for what is there while a paper is drawn, in memory where it can be.")
    var scratch: String
    @Option(help: "Chromium.") var browser = "chromium"
    @Option(help: "Seconds that a paper may take.") var patience = PaperRenderer.patience
    @Flag(help: "Leaves out the browser's own sandbox, which it cannot build for root: for tests.")
    var withoutSandbox = false

    func run() throws {
        guard (1...60).contains(patience) else { throw ValidationError("--patience is 1 to 60 seconds") }
        if getuid() == 0, !withoutSandbox {
            throw ValidationError(
                "the browser has no sandbox as root: run it as a user of its own, or give --without-sandbox")
        }
        let scratch = scratch.hasPrefix("/") ? scratch : FileManager.default.currentDirectoryPath + "/" + scratch
        setenv("HOME", scratch, 1)
        let renderer = PaperRenderer(
            browser: browser, scratch: scratch, seconds: patience, withoutSandbox: withoutSandbox)
        do {
            try renderer.begin()
        } catch is PaperRenderer.ForeignFolder {
            throw ValidationError("\(scratch) holds something: --scratch needs a folder of its own")
        }
        try PaperExchange.serve(socket) { question throws(PaperExchange.Failure) in try renderer.draw(question.body) }
    }
}

/// Signs papers for the desk: a process of the one user who has the organs' keys.
struct Sign: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Signs papers with the organs' keys, for `coredesk serve`: run it as a user of its own.",
        discussion:
            "The file names `socket:`, `register:` and `organs: {unit: key}`; a key is a path without extension or a PKCS #11 URI. The register has a line for each number that was signed, and none is signed twice."
    )
    @Option(name: .customLong("config"), help: "Configuration file (YAML).") var path: String
    @Flag(help: "Begins a register where there is none: of an installation that never signed.") var newRegister = false

    func run() throws {
        var diagnostics: [Diagnostic] = []
        let text = String(decoding: try FileSystem.read(path, limit: 1 << 20), as: UTF8.self)
        let folder = FileSystem.parent(path)
        func resolve(_ relative: String) -> String {
            relative.hasPrefix("/") || relative.hasPrefix("pkcs11:") ? relative : folder + "/" + relative
        }
        guard let node = YAMLNode.parse(text, path: path, diagnostics: &diagnostics) else {
            throw Configuration.report(diagnostics)
        }
        var reader = MapReader(node)
        let socket = resolve(reader.requiredString("socket") ?? "")
        let register = resolve(reader.requiredString("register") ?? "")
        let fixedNow = fixedClock(&reader)
        let organs = PaperSettings.organs(&reader) { $0.map(resolve) }
        for (organ, keys) in organs where keys.count != 1 {
            throw ConfigurationError(text: "\(path): organs: \(organ) has one key")
        }
        diagnostics += reader.finish()
        if diagnostics.hasErrors { throw Configuration.report(diagnostics) }
        // A key that does not open is told now, not with the first paper.
        let keys = try organs.compactMapValues { try $0.first.map { try Identity(path: $0) } }
        let signer = PaperSigner(
            organs: keys, register: try PaperRegister(register, isNew: newRegister), now: { fixedNow ?? .systemNow() })
        try PaperExchange.serve(socket) { question throws(PaperExchange.Failure) in try signer.answer(question) }
    }
}

/// Makes what waits, once.
struct MakePapers: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "papers",
        abstract: "Draws up and signs papers that wait; `coredesk serve` does so by itself.",
        discussion: "Ends with 1 where a paper cannot be made, and says why.")
    @OptionGroup var configurationOption: ConfigurationOption

    func run() throws {
        let desk = try Desk(configurationOption.load(), random: systemRandomBytes)
        guard let maker = try PaperMaker(desk) else {
            throw ValidationError("the configuration has no part `papers:`: numbers are given alone")
        }
        let outcomes = try maker.waiting().compactMap(maker.make)
        for outcome in outcomes {
            print(outcome.alarm ?? "signed \(outcome.paper)")
        }
        let failed = outcomes.filter { $0.alarm != nil }.count
        print("\(outcomes.count - failed) papers signed, \(failed) wait")
        if failed > 0 { throw ExitCode(1) }
    }
}
