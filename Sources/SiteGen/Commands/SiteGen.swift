import ArgumentParser
import PortalBase

/// The command line of sitegen. Exit codes: 0 good, 1 the content is wrong, 2 usage, 70 our fault.
@main
struct SiteGen: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sitegen", abstract: "Builds the sites of a city from one content tree.",
        version: "0.1.0", subcommands: [Build.self, Check.self, Serve.self, New.self, Render.self])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let code as ExitCode {
            exit(withError: code)
        } catch let error as FileError {
            printError("sitegen: \(error)\n")
            exit(withError: ExitCode(70))
        } catch {
            let code = exitCode(for: error)
            // ArgumentParser's own code for wrong usage is 64 (sysexits); this system's is 2.
            if code == .validationFailure {
                printError(fullMessage(for: error) + "\n")
                exit(withError: ExitCode(2))
            }
            exit(withError: error)
        }
    }
}

func printError(_ text: String) {
    var stream = StandardError()
    stream.write(text)
}
