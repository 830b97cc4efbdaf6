/// A 256-bit key from which a store's keys are derived (docs/encryption.md).
///
/// Never printable: descriptions, mirrors and errors show its id only. Copies share one piece of memory, which is
/// overwritten when the last of them is gone. Any thread.
public struct EncryptionKey: Sendable {
    public static let bytes = 32

    /// Names the key; may be shown.
    public let id: KeyID

    private let secret: SecretBytes

    /// - Parameter bytes: 32 of them, from a source of cryptographic randomness. The caller's array stays as it is.
    /// - Throws: `unusableKey` for any other count.
    public init(bytes: [UInt8]) throws(StorageError) {
        guard bytes.count == Self.bytes else { throw .unusableKey("it has \(bytes.count) bytes, not 32") }
        self.init(SecretBytes(count: Self.bytes) { $0.copyBytes(from: bytes) })
    }

    init(_ secret: SecretBytes) {
        precondition(secret.count == Self.bytes)
        self.secret = secret
        id = KeyID(of: secret)
    }

    /// A new key from the system's randomness.
    public static func random() -> EncryptionKey {
        EncryptionKey(SecretBytes(count: bytes) { CryptoLibrary.shared.fillRandom($0) })
    }

    /// The bytes, valid inside the closure only.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        secret.withBytes(body)
    }
}

extension EncryptionKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "EncryptionKey(id: \(id))" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["id": id], displayStyle: .struct) }
}

extension StorageError.Code {
    /// An encryption key can't be read, has a wrong form, or is not the one that the store needs.
    public static let unusableKey = StorageError.Code(description: "unusableKey")
}

extension StorageError {
    /// - Parameter problem: what is wrong; never anything of the key's content.
    static func unusableKey(
        _ problem: String,
        path: String? = nil,
        systemCall: SystemCallError? = nil
    ) -> StorageError {
        let what = path == nil ? "the encryption key can't be used" : "the file's encryption key can't be used"
        return StorageError(
            .unusableKey,
            "\(what): \(problem). Give 32 random bytes as 64 hexadecimal digits or as base64; "
                + "`openssl rand -hex 32` makes such a key",
            path: path,
            systemCall: systemCall
        )
    }
}
