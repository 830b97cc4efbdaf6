#if canImport(Glibc)
    import Glibc
#endif

/// An identifier (function, trigger, trigger type, worker), compared byte by byte.
///
/// Swift's `String` compares by Unicode equivalence: the composed and decomposed spelling of one letter would be
/// the same function. On the wire they are two.
public struct Name: Sendable {
    public let string: String

    public init(_ string: String) {
        self.string = string
    }
}

extension Name: Hashable {
    public static func == (left: Name, right: Name) -> Bool {
        guard left.string.utf8.count == right.string.utf8.count else { return false }
        var (left, right) = (left.string, right.string)
        return left.withUTF8 { left in
            right.withUTF8 { right in
                guard let left = left.baseAddress, let rightBase = right.baseAddress else { return true }
                return memcmp(left, rightBase, right.count) == 0
            }
        }
    }

    public func hash(into hasher: inout Hasher) {
        var text = string
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

extension Name: Comparable {
    public static func < (left: Name, right: Name) -> Bool {
        left.string.utf8.lexicographicallyPrecedes(right.string.utf8)
    }
}

extension Name: ExpressibleByStringLiteral, CustomStringConvertible {
    public init(stringLiteral value: StaticString) { self.init(value.description) }
    public var description: String { string }
}
