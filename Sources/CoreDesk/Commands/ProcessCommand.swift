import ArgumentParser
import PortalBase
import Procedures

/// Checks, shows and exports the processes of a content tree, without a configuration: definitions are checked before they are put to
/// work. `adopt` alone works on the core's cases.
struct ProcessCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "process", abstract: "Checks, shows, draws and exports definitions of processes.",
        subcommands: [CheckAll.self, Show.self, Draw.self, ExportBPMN.self, Adopt.self])

    struct Source: ParsableArguments {
        @Option(help: "The folder that holds Content.") var source = "."

        /// All processes; prints what is wrong, and ends there when a definition cannot be used.
        func processes() throws -> [Process] {
            guard FileSystem.kind(source + "/" + ProcessLibrary.folder) == .directory else {
                throw ValidationError("there is no folder \(source)/\(ProcessLibrary.folder)")
            }
            var diagnostics: [Diagnostic] = []
            let library = ProcessLibrary(source: source, diagnostics: &diagnostics)
            let language = operatorLanguage(environment: environmentVariable)
            for diagnostic in diagnostics { print(diagnostic.line(language: language)) }
            if diagnostics.hasErrors { throw ExitCode(1) }
            return library.processes
        }

        func process(_ id: String) throws -> Process {
            let all = try processes()
            guard let process = all.first(where: { $0.id == id }) else {
                let known = all.map(\.id).joined(separator: ", ")
                throw ValidationError("there is no process `\(id)`; there are: \(known)")
            }
            return process
        }
    }

    struct CheckAll: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check", abstract: "Checks all definitions; every mistake with its place.")
        @OptionGroup var source: Source

        func run() throws {
            for process in try source.processes() { print("\(process.id) \(process.digest.hex)") }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Prints states, clocks, tasks and actions.")
        @OptionGroup var source: Source
        @Argument var id: String
        @Option(help: "zh or en.") var language = "zh"

        func run() throws { print(try source.process(id).text(language), terminator: "") }
    }

    struct Draw: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Prints the process as an SVG picture.")
        @OptionGroup var source: Source
        @Argument var id: String
        @Option(help: "zh or en.") var language = "zh"

        func run() throws {
            writeStandardOutput(ProcessDrawing(try source.process(id), language: language).svg)
        }
    }

    struct ExportBPMN: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export",
            abstract: "Prints the process as BPMN 2.0 XML; what it leaves out goes to standard error.")
        @OptionGroup var source: Source
        @Argument var id: String
        @Option(help: "zh or en.") var language = "zh"

        func run() throws {
            let bpmn = BPMN(try source.process(id), language: language)
            for line in bpmn.leftOut { writeStandardError("left out: \(line)\n") }
            writeStandardOutput(bpmn.xml)
        }
    }
}
