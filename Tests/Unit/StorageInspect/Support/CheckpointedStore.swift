import Glibc

@testable import Storage

/// Real stores with checkpoints, made through the engine.
enum CheckpointedStore {
    /// None of the engine's own, so that rows have no names.
    static let table = TableID(rawValue: 101)

    static func key(_ number: Int) -> Bytes { Bytes("key \(number)".utf8) }

    static func options(retained: UInt64 = 0) -> StorageOptions {
        var options = StorageOptions()
        options.initialSegmentBytes = 32 * 1024
        options.maximumSegmentBytes = 32 * 1024
        options.sealAfterIdleNanoseconds = 0
        options.checkpointIntervalNanoseconds = 0
        options.retainLogBytes = retained
        return options
    }

    /// LSN 1 to `rows` in the snapshot (one batch each), then LSN up to `rows + changes` only in the log: every second
    /// key is set anew. Closing takes a checkpoint, so the directory is copied as a SIGKILL would leave it.
    static func make(rows: Int = 20, changes: Int = 6, retained: UInt64 = 1 << 30) async throws -> Scratch {
        let live = try Scratch()
        let store = try Store.open(path: live.path, options: options(retained: retained))
        for number in 0..<rows { try await put(store, number, "first \(number)") }
        try store.checkpoint()
        for number in 0..<changes { try await put(store, 2 * number, "second \(number)") }
        let copy = try Scratch()
        for folder in ["", "/wal", "/snapshot"] {
            mkdir(copy.path + folder, 0o700)
            for name in try PosixIO().list(live.path + folder)
            where name != "wal" && name != "snapshot" && name != "LOCK" {
                let bytes = try PosixIO().readFile("\(live.path)\(folder)/\(name)", limit: 1 << 24)
                try PosixIO().replaceFile("\(copy.path)\(folder)/\(name)", in: copy.path + folder, with: bytes)
            }
        }
        try store.close()
        // Not earlier: the directory goes away with it.
        extendLifetime(live)
        return copy
    }

    private static func put(_ store: Store, _ number: Int, _ value: String) async throws {
        try await store.commit { $0.put(table, key: key(number), value: Bytes(value.utf8)) }.durable()
    }

    /// What `make` leaves, by key number.
    static func expected(rows: Int = 20, changes: Int = 6) -> [Int: String] {
        var content: [Int: String] = [:]
        for number in 0..<rows { content[number] = "first \(number)" }
        for number in 0..<changes { content[2 * number] = "second \(number)" }
        return content
    }

    /// Opens with the engine and reads everything.
    static func content(_ path: String) async throws -> [Bytes: String] {
        let store = try Store.open(path: path, options: options())
        let rows = try await store.read { view in
            var rows: [Bytes: String] = [:]
            view.scan(table, from: nil, upTo: nil) { key, value in
                rows[Bytes(key)] = String(decoding: value, as: UTF8.self)
                return true
            }
            return rows
        }.durable()
        try store.close()
        return rows
    }

    /// Changes a byte of the snapshot's row with this value.
    static func damageRow(_ scratch: Scratch, value: String) throws {
        let file = scratch.path + "/snapshot/data.mdb"
        try rewrite(file) { bytes in
            let pattern = Array(value.utf8)
            for start in bytes.indices.dropLast(pattern.count) where bytes[start] == pattern[0] {
                if bytes[start..<(start + pattern.count)].elementsEqual(pattern) { bytes[start] ^= 0x20 }
            }
        }
    }

    static func rewrite(_ file: String, _ change: (inout [UInt8]) -> Void) throws {
        var bytes = try PosixIO().readFile(file, limit: 1 << 24)
        change(&bytes)
        let folder = String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)])
        try PosixIO().replaceFile(file, in: folder, with: bytes)
    }
}
