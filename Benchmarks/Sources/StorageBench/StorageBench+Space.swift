import BenchKit
import CBench
import Glibc
import Storage

/// Disk that a store takes: a fresh one; and a volume of 64 MiB that is filled, freed and used again.
extension StorageBench {
    private static let imageBytes = 64 << 20
    private static let attempts = 5

    func space() throws -> [Row] {
        [try freshStore(), try smallVolume()]
    }

    private func freshStore() throws -> Row {
        try withFolder("fresh") { folder in
            let store = try StoreUnderTest("\(folder)/store")
            try store.fill(count: 1, valueBytes: Self.valueBytes)
            let open = Folder.allocatedBytes("\(folder)/store")
            try store.close()
            let closed = Folder.allocatedBytes("\(folder)/store")
            return .value(
                "disk taken by a fresh store with one row",
                Double(open) / 1_048_576,
                unit: "MiB",
                threshold: .atMost(bar: 16, goal: 8, unit: " MiB"),
                limit: "\(formatted(Double(closed) / 1024)) KiB after it was closed"
            )
        }
    }

    private func smallVolume() throws -> Row {
        let name = "a 64 MiB ext4 volume filled, freed and used again"
        guard geteuid() == 0 else {
            return Row(figure: name, ours: "–", verdict: "not measured", limit: "mounting a volume needs root")
        }
        return try withFolder("volume") { folder in
            try withVolume(folder) { mounted in
                var row = Row(figure: name, ours: "works", bar: "works", goal: "works", verdict: "goal")
                do {
                    row.limit = try fillAndFree("\(mounted)/store")
                } catch {
                    row.ours = "fails"
                    row.verdict = "**missed**"
                    row.limit = "\(error)"
                }
                return row
            }
        }
    }

    private func withVolume(_ folder: String, _ body: (String) throws -> Row) throws -> Row {
        let image = "\(folder)/image"
        let mounted = "\(folder)/mounted"
        try writeFile(image, "")
        truncate(image, Self.imageBytes)
        try Folder.make(mounted)
        try command("mkfs.ext4", ["-q", "-F", image])
        try command("mount", ["-o", "loop", image, mounted])
        defer { try? command("umount", [mounted]) }
        return try body(mounted)
    }

    private func command(_ name: String, _ arguments: [String]) throws {
        _ = try ChildProcess(name, arguments, logPath: path("\(name).log")).output()
    }

    /// Puts until the store refuses, deletes everything, and puts as much as before once more; twice. Then reads it back
    /// from a newly opened store.
    private func fillAndFree(_ path: String) throws -> String {
        let store = try StoreUnderTest(path)
        let first = try putUntilRefused(store)
        guard first > 0 else { throw BenchError("not a single row fits") }
        for _ in 0..<2 {
            try retrying("delete what was put") { try store.trim(0..<first) }
            try retrying("checkpoint") { try store.checkpoint() }
            try retrying("put again") { try putRows(store, first / 2) }
        }
        try store.close()
        let reopened = try StoreUnderTest(path)
        let reader = Reader(reopened)
        guard reader.readCopied(first / 2 - 1) else { throw BenchError("a row is gone after the store was opened again") }
        try reopened.close()
        return "\(formatted(Double(first) * 256 / 1_048_576)) MiB of values fit"
    }

    /// In transactions of a hundred rows, each durable before the next; the number of rows that it took.
    private func putUntilRefused(_ store: StoreUnderTest) throws -> UInt64 {
        var count: UInt64 = 0
        while true {
            do {
                try store.put(range: count..<(count + 100), valueBytes: Self.valueBytes)
                count += 100
            } catch let error as StorageError where error.code == .lowSpace {
                return count
            }
        }
    }

    private func putRows(_ store: StoreUnderTest, _ count: UInt64) throws {
        for first in stride(from: 0, to: count, by: 100) {
            try store.put(range: first..<(first + 100), valueBytes: Self.valueBytes)
        }
    }

    /// A full disk may need a moment to have room again: the store looks by itself.
    private func retrying(_ what: String, _ body: () throws -> Void) throws {
        for _ in 0..<Self.attempts {
            do {
                return try body()
            } catch let error as StorageError where error.isRetryable {
                sleep(milliseconds: 500)
            }
        }
        do { try body() } catch { throw BenchError("can't \(what): \(error)") }
    }
}
