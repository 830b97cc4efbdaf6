import ArgumentParser
import Testing

@testable import iii_storage_inspect

/// The help of every command, as people read it.
@Suite struct HelpTests {
    @Test func theToolItself() throws {
        try Snapshot.check("help", StorageInspect.helpMessage(columns: 80))
    }

    @Test func everyCommand() throws {
        for command in StorageInspect.configuration.subcommands {
            let name = try #require(command.configuration.commandName, "a name of its own")
            try Snapshot.check("help-\(name)", StorageInspect.helpMessage(for: command, columns: 80))
        }
    }

    /// Imperative and short: they stand below each other in the tool's own help.
    @Test func everyCommandBeginsWithAShortLine() {
        for command in StorageInspect.configuration.subcommands where command.configuration.shouldDisplay {
            let line = command.configuration.abstract
            let isLong = ["backup", "cut"].contains(command.configuration.commandName)
            #expect(isLong || line.count < 60, "\(line)")
            #expect(!line.hasPrefix("The ") && !line.hasPrefix("What "), "\(line)")
        }
    }

    @Test(arguments: [["--help"], ["-h"], ["help"], [], ["help", "get"], ["get", "--help"], ["--version"]])
    func helpIsNoError(arguments: [String]) {
        let run = Run(arguments)
        #expect(run.status == .sound && run.errors.isEmpty && run.text.hasSuffix("\n"))
        #expect(run.text.hasPrefix(arguments == ["--version"] ? "iii-storage-inspect, store format 1" : "OVERVIEW: "))
    }
}
