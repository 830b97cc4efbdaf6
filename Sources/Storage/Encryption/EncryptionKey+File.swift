import CCrypto
import CPlatform
import Glibc

extension EncryptionKey {
    /// Nothing larger is read: it is no key.
    static let maximumFileBytes = 1024

    /// A key from a regular file: 64 hexadecimal digits, or the base64 of 32 bytes (both with or without a line break
    /// at the end), or exactly 32 raw bytes.
    ///
    /// 32 bytes that are all printable text are refused: a password or 128 bits in hexadecimal, not 256 random bits.
    /// (Random bytes look like that once in 10^13.)
    ///
    /// Blocks for the file system. The copy that was read is overwritten.
    /// - Throws: `unusableKey` with the path and what to do, never with anything of the content.
    public init(file path: String) throws(StorageError) {
        let descriptor = try Self.openKeyFile(path)
        defer { close(descriptor) }
        var outcome = Result<EncryptionKey, StorageError>.failure(.unusableKey("it is empty", path: path))
        // One byte more than the limit tells a file at the limit from one beyond it.
        withUnsafeTemporaryAllocation(byteCount: Self.maximumFileBytes + 1, alignment: 16) { place in
            defer { OPENSSL_cleanse(place.baseAddress, place.count) }
            do throws(StorageError) {
                let count = try Self.readKeyFile(descriptor, path, into: place)
                outcome = .success(try Self.parse(UnsafeRawBufferPointer(place).part(0, count), path))
            } catch {
                outcome = .failure(error)
            }
        }
        self = try outcome.get()
    }

    private static func openKeyFile(_ path: String) throws(StorageError) -> Int32 {
        // A pipe without a writer would make the open wait for ever.
        let descriptor = iii_open(path, O_RDONLY | O_NONBLOCK, 0)
        guard descriptor >= 0 else {
            throw .unreadableKeyFile(SystemCallError(call: "open", number: -descriptor, path: path))
        }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw .unusableKey("it is not a regular file", path: path)
        }
        return descriptor
    }

    private static func readKeyFile(
        _ descriptor: Int32,
        _ path: String,
        into place: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> Int {
        var done = 0
        while done < place.count {
            let count = read(descriptor, place.baseAddress?.advanced(by: done), place.count - done)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else {
                throw .unreadableKeyFile(SystemCallError(call: "read", number: errno, path: path))
            }
            if count == 0 { break }
            done += count
        }
        guard done <= maximumFileBytes else { throw .unusableKey("it is larger than 1 KiB", path: path) }
        return done
    }

    private static func parse(_ content: UnsafeRawBufferPointer, _ path: String) throws(StorageError) -> EncryptionKey {
        guard content.count == bytes else {
            do {
                return try EncryptionKey(characters: content)
            } catch {
                throw .unusableKey(error.problem, path: path)
            }
        }
        if content.isAllZero { throw .unusableKey("all its bytes are zero", path: path) }
        if content.allSatisfy(isText) {
            throw .unusableKey("32 characters of text are not 32 random bytes", path: path)
        }
        return EncryptionKey(SecretBytes(count: bytes) { $0.copyMemory(from: content) })
    }

    private static func isText(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x20...0x7E, 0x09, 0x0A, 0x0D: true
        default: false
        }
    }
}

extension StorageError {
    fileprivate static func unreadableKeyFile(_ error: SystemCallError) -> StorageError {
        StorageError(
            .unusableKey,
            "the file with the encryption key can't be read: \(error.reason); "
                + "check its path and that the process's user may read it",
            path: error.path,
            systemCall: error
        )
    }
}
