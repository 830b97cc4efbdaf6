/// Names an encryption key without telling anything about it: the first 8 bytes of
/// HMAC-SHA256(key, "iii-storage key id").
///
/// Stored in the clear beside what the key sealed, so that the right one of several is used and a missing one is named.
public struct KeyID: Hashable, Sendable, CustomStringConvertible {
    /// The 8 bytes as a big-endian number.
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The 8 bytes as 16 hexadecimal digits.
    public var description: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}

extension KeyID {
    static let message = "iii-storage key id"

    init(of key: SecretBytes) {
        let message = Array(Self.message.utf8)
        var rawValue: UInt64 = 0
        withUnsafeTemporaryAllocation(byteCount: HMACSHA256.resultBytes, alignment: 8) { result in
            message.withUnsafeBytes { HMACSHA256(key: key).authenticate($0, into: result) }
            rawValue = result.load(as: UInt64.self).bigEndian
        }
        self.init(rawValue: rawValue)
    }
}
