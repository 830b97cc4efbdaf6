import CCrypto

/// Memory for a key: filled once, never copied out by this type, overwritten before it is given back.
///
/// The overwriting covers this memory. A swap partition, a core dump or whoever may read the process's memory sees keys
/// while they are in use.
///
/// `@unchecked Sendable`: immutable once `init` has returned.
final class SecretBytes: @unchecked Sendable {
    let count: Int
    private let memory: UnsafeMutableRawPointer

    /// - Parameter fill: gets zeroed memory. What it throws leaves nothing behind.
    init<Failure: Error>(
        count: Int,
        fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        precondition(count > 0)
        self.count = count
        memory = .allocate(byteCount: count, alignment: 16)
        let bytes = UnsafeMutableRawBufferPointer(start: memory, count: count)
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        try fill(bytes)
    }

    deinit {
        OPENSSL_cleanse(memory, count)
        memory.deallocate()
    }

    /// The bytes, valid inside the closure only.
    func withBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: memory, count: count))
    }
}
