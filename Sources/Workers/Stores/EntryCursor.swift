/// A place between two keys, as text that only the engine understands.
public struct EntryCursor: Sendable, Equatable {
    /// How an adapter orders keys; the page begins behind it.
    public let position: [UInt8]

    /// More than any adapter's position has.
    static let maximumBytes = 420
    /// Tells a cursor from other text, and one form of it from the next.
    private static let version: UInt8 = 1

    public init(position: [UInt8]) {
        self.position = position
    }

    /// nil: not made by `text`.
    public init?(_ text: String) {
        guard text.utf8.count <= (Self.maximumBytes + 1) * 2 else { return nil }
        guard let bytes = [UInt8](hexadecimal: text), bytes.first == Self.version else { return nil }
        position = Array(bytes.dropFirst())
    }

    public var text: String {
        ([Self.version] + position).hexadecimal
    }
}

extension [UInt8] {
    fileprivate var hexadecimal: String {
        let digits = Array<UInt8>("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// nil: anything but pairs of lower-case digits.
    fileprivate init?(hexadecimal text: String) {
        var values: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): values.append(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): values.append(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        guard values.count % 2 == 0 else { return nil }
        self = stride(from: 0, to: values.count, by: 2).map { values[$0] << 4 | values[$0 + 1] }
    }
}
