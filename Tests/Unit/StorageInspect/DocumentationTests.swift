import ArgumentParser
import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// The documents against the tool: every option that they name exists, and their samples are what the tool prints.
///
/// To write the samples anew: `III_RECORD_SNAPSHOTS=1 swift test --filter DocumentationTests`, then read the difference.
@Suite(.serialized) struct DocumentationTests {
    private static let root = String(
        #filePath.dropLast("Tests/Unit/StorageInspect/DocumentationTests.swift".utf8.count)
    )
    private static let tool = "iii-storage-inspect"

    private static func read(_ file: String) throws -> String {
        String(decoding: try PosixIO().readFile(root + file, limit: 1 << 22), as: UTF8.self)
    }

    private static func documents() throws -> [String] {
        try PosixIO().list(root + "docs").filter { $0.hasSuffix(".md") }.map { "docs/" + $0 } + ["README.md"]
    }

    /// `restore --lsn` stood in docs/streams.md and never existed.
    @Test func everyOptionExists() throws {
        var options: [String: Set<String>] = [:]
        for command in StorageInspect.configuration.subcommands {
            guard let name = command.configuration.commandName else { continue }
            let words = StorageInspect.helpMessage(for: command, columns: 200).split(whereSeparator: {
                " \n".contains($0)
            })
            options[name] = Set(words.map { Self.option(in: String($0)) })
        }
        var checked = 0
        for document in try Self.documents() {
            for line in Self.commandLines(try Self.read(document), Array(options.keys)) {
                let known = try #require(options[line.command], "\(document): there is no command \(line.command)")
                for option in line.options {
                    checked += 1
                    let isKnown = known.contains(option)
                    #expect(isKnown, "\(document): \(line.command) \(option)")
                }
            }
        }
        #expect(checked > 40, "\(checked) options are named")
    }

    private struct CommandLine {
        var command: String
        var options: [String]
    }

    /// Lines of code that call the tool, and code within text that begins with it or with one of its commands.
    private static func commandLines(_ text: String, _ commands: [String]) -> [CommandLine] {
        var lines: [CommandLine] = []
        var isCode = false
        var prose = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                isCode.toggle()
            } else if isCode {
                lines += command(in: String(line), commands, needsTool: true)
            } else {
                prose += line + " "
            }
        }
        for (index, span) in prose.split(separator: "`", omittingEmptySubsequences: false).enumerated()
        where index % 2 == 1 {
            lines += command(in: String(span), commands, needsTool: false)
        }
        return lines
    }

    private static func command(in text: String, _ commands: [String], needsTool: Bool) -> [CommandLine] {
        var words = text.split(whereSeparator: { " =".contains($0) }).map(String.init)[...]
        if let place = words.firstIndex(of: tool) {
            words = words[(place + 1)...]
        } else if needsTool || words.first.map(commands.contains) != true || !text.contains(" --") {
            return []
        }
        guard let name = words.first, name.first?.isLowercase == true else { return [] }
        let options = words.map(option)
        return [CommandLine(command: name, options: options.filter { $0.hasPrefix("--") && $0.count > 2 })]
    }

    /// `[--raw]` is `--raw`.
    private static func option(in word: String) -> String {
        String(word.drop { "[(".contains($0) }.prefix { $0.isLetter || $0.isNumber || $0 == "-" })
    }

    @Test func theSamplesAreReal() throws {
        let scratch = try Scratch()
        try Self.makeStores(scratch.path)
        let document = "docs/inspection.md"
        let text = try Self.read(document)
        var result: [String] = []
        var samples = 0
        var isSample = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix("$ \(Self.tool) ") {
                isSample = true
                samples += 1
                result += [line] + Self.output(line, scratch.path)
            } else if line == "```" {
                isSample = false
                result.append(line)
            } else if !isSample {
                result.append(line)
            }
        }
        let real = result.joined(separator: "\n")
        if getenv("III_RECORD_SNAPSHOTS") != nil {
            try PosixIO().replaceFile(Self.root + document, in: Self.root + "docs", with: Array(real.utf8))
        }
        #expect(samples > 10)
        let written = try Self.read(document).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        for (old, new) in zip(written, result) where old != new {
            #expect(old == new, "the document, and what is printed")
        }
        #expect(written.count == result.count)
    }

    /// What a person sees: the output, then what went to standard error.
    private static func output(_ line: String, _ root: String) -> [String] {
        let words = line.split(separator: " ").dropFirst(2).map { word in
            word.hasPrefix("/data/") ? root + word.dropFirst("/data".count) : String(word)
        }
        let run = Run(Array(words))
        let text = Snapshot.replace(root, by: "/data", in: run.text + run.errors)
        return text.split(separator: "\n").map(String.init)
    }

    /// The store of an engine, one that went on otherwise, and one that is damaged in its snapshot and behind it.
    private static func makeStores(_ root: String) throws {
        _ = try EngineStore(root + "/state")
        _ = try EngineStore(root + "/other", isOther: true)
        let damaged = try EngineStore(root + "/damaged").path
        let batches = Run("batches", damaged, "--json").lines.compactMap { JSON(parsing: Bytes($0.utf8)) }
        let batch = try #require(batches.first { $0["firstLSN"]?.integer == 26 })
        try StoreFixture.damage(StoreFixture.segment(damaged, 1), at: Int(try #require(batch["offset"]?.integer)) + 106)
        try CheckpointedStore.rewrite(damaged + "/snapshot/data.mdb") { bytes in
            let row: [UInt8] = Array("1m1".utf8) + [0, 0, 0, 2]
            for start in bytes.indices.dropLast(row.count) where bytes[start...].starts(with: row) { bytes[start] ^= 1 }
        }
    }
}
