import BenchKit
import CBench
import Storage

/// Every call of the store's own that these figures make, in one file: what changes with the store's API changes here.
struct StoreUnderTest: Sendable {
    static let table = TableID(rawValue: 1)

    let store: Store

    /// What a figure wants to be other than by default.
    struct Settings: Sendable {
        /// False: no checkpoint comes by itself.
        var checkpointsByItself = true
        /// The part of the memory for changes that a store takes before it checkpoints.
        var memoryShare = 1
        /// Encryption at rest.
        var isEncrypted = false
        /// Between two passes over the snapshot; nil: as usual.
        var scrubIntervalNanoseconds: UInt64?
        /// Runs what waits for durability; nil: the store's writer thread does.
        var loop: EventLoop?
    }

    private static let key = EncryptionKey.random()

    init(_ path: String, _ settings: Settings = Settings()) throws {
        var options = StorageOptions()
        if !settings.checkpointsByItself {
            options.checkpointLogBytes = .max / 16
            options.checkpointOverlayBytes = .max / 16
            options.checkpointDirtyBytes = .max / 16
            options.checkpointIntervalNanoseconds = 0
        }
        options.checkpointLogBytes /= settings.memoryShare
        options.checkpointOverlayBytes /= settings.memoryShare
        options.checkpointDirtyBytes /= settings.memoryShare
        if let interval = settings.scrubIntervalNanoseconds { options.scrubIntervalNanoseconds = interval }
        if settings.isEncrypted { options.encryption.current = Self.key }
        if let loop = settings.loop { options.deliver = { loop.execute($0) } }
        options.onFailure = { printToStandardError("storage-bench: the store failed: \($0)") }
        store = try Store.open(path: path, options: options)
    }

    func close() throws { try store.close() }

    func checkpoint() throws {
        try store.checkpoint()
    }

    /// One put, which is durable when the result says so.
    @inline(__always)
    func put(_ key: Bytes, _ value: UnsafeRawBufferPointer) throws -> Pending<Void> {
        try store.commit { $0.put(Self.table, key: key, value: value) }
    }

    /// The same without making an array of the value.
    @inline(__always)
    func put(_ key: Bytes, shared value: Bytes) throws -> Pending<Void> {
        try store.commit { $0.put(Self.table, key: key, value: value) }
    }

    /// The first byte of the first row at or after a key, looked at where it lies.
    @inline(__always)
    static func firstByte(_ view: borrowing ReadView, _ key: Bytes) -> UInt8? {
        var first: UInt8?
        view.scan(table, from: key, upTo: nil) { _, value in
            first = value.first
            return false
        }
        return first
    }
}

/// Keys are 8 bytes, big-endian, so that their order is the numbers'.
@inline(__always)
func makeKey(_ number: UInt64) -> Bytes {
    withUnsafeBytes(of: number.bigEndian) { Bytes($0) }
}

/// A value for a number: a piece of the shared text.
@inline(__always)
func makeValue(_ text: UnsafePointer<CChar>, _ number: UInt64, _ bytes: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: cbench_value(text, number, bytes), count: bytes)
}
