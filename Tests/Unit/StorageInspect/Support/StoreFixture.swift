import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// Real stores: one transaction per batch, so that what stands where is the same at every run.
struct StoreFixture {
    static let table = TableID(rawValue: 1)

    /// Segments of 15 batches, no checkpoints but those asked for.
    static var options: StorageOptions {
        var options = StorageOptions()
        options.initialSegmentBytes = 16 * LogLimits.blockBytes
        options.maximumSegmentBytes = options.initialSegmentBytes
        options.checkpointIntervalNanoseconds = 0
        options.sealAfterIdleNanoseconds = 0
        options.lingerNanoseconds = 0
        return options
    }

    /// The same, and the log stays.
    static var keepingLog: StorageOptions {
        var options = options
        options.retainLogBytes = .max
        return options
    }

    static func segments(_ store: String) throws -> [UInt64] {
        try LogInspector(path: store).facts().segments.map(\.number)
    }

    /// Rows 1 to 20 under one key, then 21 to 40 under the next one, with all of the log.
    static func rotated(_ scratch: Scratch) throws -> (
        store: String, key: String, next: String, options: StorageOptions
    ) {
        let (store, key, next) = (scratch.path + "/store", scratch.path + "/key", scratch.path + "/next")
        for path in [key, next] { #expect(Run("keygen", "--output", path).status == .sound) }
        var options = keepingLog
        options.encryption.current = try EncryptionKey(file: key)
        try closed(store, rows: 20, options: options)
        options.encryption.previous = [try EncryptionKey(file: key)]
        options.encryption.current = try EncryptionKey(file: next)
        let open = try Store.open(path: store, options: options)
        try put(open, 21...40)
        try open.checkpoint()
        try open.close()
        return (store, key, next, options)
    }

    static func key(_ number: Int) -> Bytes { Bytes("key \(number)".utf8) }

    /// Row `number` gets LSN `number`.
    static func put(_ store: Store, _ numbers: ClosedRange<Int>) throws {
        for number in numbers {
            let value = Bytes("value \(number)".utf8)
            try store.commit { $0.put(table, key: key(number), value: value) }.wait()
        }
    }

    /// A store that was closed.
    static func closed(_ path: String, rows: Int, options: StorageOptions = options) throws {
        let store = try Store.open(path: path, options: options)
        try put(store, 1...rows)
        try store.close()
    }

    /// A store as a killed process leaves it, with a checkpoint on the way.
    static func killed(_ path: String, checkpointAfter: Int, rows: Int) throws {
        let store = try Store.open(path: path + ".live", options: options)
        try put(store, 1...checkpointAfter)
        try store.checkpoint()
        try put(store, (checkpointAfter + 1)...rows)
        _ = try StoreFilesCopy(source: path + ".live", target: path).run { _ in }
        try store.close()
    }

    /// Numbers of the rows that a store holds; every value must be the row's own.
    static func rows(_ path: String, options: StorageOptions = options) throws -> [Int] {
        let store = try Store.open(path: path, options: options)
        let rows = try store.read { view in
            var rows: [Int] = []
            view.scan(table, from: nil, upTo: nil) { key, value in
                guard let number = Int(String(decoding: key.dropFirst(4), as: UTF8.self)),
                    value.elementsEqual("value \(number)".utf8)
                else { return false }
                rows.append(number)
                return true
            }
            return rows.sorted()
        }.wait()
        try store.close()
        return rows
    }

    static func segment(_ path: String, _ number: UInt64) -> String {
        LogDirectory(root: path).segment(SegmentNumber(rawValue: number))
    }

    /// Inverts a byte.
    static func damage(_ file: String, at offset: Int) throws {
        let descriptor = open(file, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemCallError(call: "open", number: errno, path: file) }
        defer { close(descriptor) }
        var byte: UInt8 = 0
        guard pread(descriptor, &byte, 1, offset) == 1 else {
            throw SystemCallError(call: "pread", number: errno, path: file)
        }
        byte ^= 0xFF
        guard pwrite(descriptor, &byte, 1, offset) == 1 else {
            throw SystemCallError(call: "pwrite", number: errno, path: file)
        }
    }
}
