import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// Reports against files under `Snapshots/`, which say what people see. To write them anew:
/// `III_RECORD_SNAPSHOTS=1 swift test --filter StorageInspectTests`, then read the difference.
enum Snapshot {
    private static let directory =
        String(#filePath.dropLast("Support/Snapshot.swift".utf8.count)) + "Snapshots"

    /// A run's command line, output, errors and exit status, without what differs from machine to machine.
    static func check(_ name: String, _ run: Run, _ arguments: [String], in scratch: Scratch? = nil) throws {
        var text = "$ iii-storage-inspect \(arguments.joined(separator: " "))\n\(run.text)"
        if !run.errors.isEmpty { text += "-- standard error\n\(run.errors)" }
        text += "-- exit \(run.status.rawValue)\n"
        if let scratch { text = replace(scratch.path, by: "/STORE", in: text) }
        try check(name, hideFreeSpace(text))
    }

    static func check(_ name: String, _ text: String) throws {
        let path = "\(directory)/\(name).txt"
        if getenv("III_RECORD_SNAPSHOTS") != nil {
            try PosixIO().replaceFile(path, in: directory, with: Array(text.utf8))
        }
        let expected = String(decoding: try PosixIO().readFile(path, limit: 1 << 20), as: UTF8.self)
        let difference = firstDifference(expected, text)
        #expect(expected == text, "\(name), line \(difference)")
    }

    private static func firstDifference(_ expected: String, _ text: String) -> String {
        let old = expected.split(separator: "\n", omittingEmptySubsequences: false)
        let new = text.split(separator: "\n", omittingEmptySubsequences: false)
        for index in 0..<max(old.count, new.count) {
            let was = index < old.count ? String(old[index]) : "(none)"
            let now = index < new.count ? String(new[index]) : "(none)"
            if was != now { return "\(index + 1):\n- \(was)\n+ \(now)" }
        }
        return "0: equal"
    }

    static func replace(_ old: String, by new: String, in text: String) -> String {
        var result = ""
        var rest = text[...]
        while let first = rest.indices.first(where: { rest[$0...].hasPrefix(old) }) {
            result += rest[..<first] + new
            rest = rest[rest.index(first, offsetBy: old.count)...]
        }
        return result + rest
    }

    private static func hideFreeSpace(_ text: String) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line -> String in
            if line.hasPrefix("free space") { return "free space     …" }
            return hideNumbers(behind: "\"freeBytes\":", in: line)
        }
        return lines.joined(separator: "\n")
    }

    /// Every number that follows the words becomes 0: a snapshot's free pages are the same at every run, the disk's are not.
    private static func hideNumbers(behind words: String, in line: Substring) -> String {
        var result = ""
        var rest = line
        while let start = rest.indices.first(where: { rest[$0...].hasPrefix(words) }) {
            let digits = rest[rest.index(start, offsetBy: words.count)...]
            result += rest[..<start] + words + "0"
            rest = digits.drop { $0 >= "0" && $0 <= "9" }
        }
        return result + rest
    }
}
