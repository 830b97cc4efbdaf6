import ArgumentParser
import Storage

/// A command of this tool: prints on the console it is given, returns what the process ends with.
protocol InspectCommand: ParsableCommand {
    func run(on console: Console) throws -> ProcessStatus
}

/// Parses, runs, and turns every error into one line and an exit status.
enum Program {
    static func run(_ arguments: [String], on console: Console) -> ProcessStatus {
        do {
            let status = try perform(arguments, on: console)
            try console.finish()
            return status
        } catch {
            return report(error, arguments, on: console)
        }
    }

    private static func perform(_ arguments: [String], on console: Console) throws -> ProcessStatus {
        var command: any ParsableCommand
        do {
            command = try StorageInspect.parseAsRoot(arguments)
            guard let command = command as? any InspectCommand else {
                // Help, or the tool without a command: prints and throws `CleanExit`.
                try command.run()
                return .sound
            }
            return try command.run(on: console)
        } catch  where StorageInspect.exitCode(for: error) == .success && !(error is CommandFailure) {
            try console.write(StorageInspect.fullMessage(for: error) + "\n")
            return .sound
        }
    }

    private static func report(_ error: any Error, _ arguments: [String], on console: Console) -> ProcessStatus {
        console.clearProgress()
        switch error {
        case is ClosedPipe:
            return .sound
        case let failure as CommandFailure:
            console.complain(failure.line)
            return failure.status
        case let failure as StorageError:
            console.complain(CommandFailure(failure).line)
            return ProcessStatus(failure)
        default:
            console.complain(usageLine(error, arguments))
            return .usage
        }
    }

    private static func usageLine(_ error: any Error, _ arguments: [String]) -> String {
        let name = StorageInspect.configuration.commandName ?? "iii-storage-inspect"
        let known = StorageInspect.configuration.subcommands.compactMap { $0.configuration.commandName }
        let command = arguments.first.flatMap { known.contains($0) ? " " + $0 : nil } ?? ""
        var what = StorageInspect.message(for: error)
        if what.hasSuffix(".") { what.removeLast() }
        return "error: \(what.prefix(1).lowercased())\(what.dropFirst()) — see \(name)\(command) --help"
    }
}
