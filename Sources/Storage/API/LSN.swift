/// Log sequence number: the position of one record in a store's log, from 1. 0 stands for "nothing yet".
///
/// Public and stable: subscribers can resume from one, receipts can carry one (storage.md §1).
public struct LSN: Comparable, Hashable, Sendable, CustomStringConvertible {
    public var rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    public static let zero = LSN(rawValue: 0)

    public static func < (left: LSN, right: LSN) -> Bool {
        left.rawValue < right.rawValue
    }

    public var description: String { "\(rawValue)" }
}

/// A table of a store, by number. What its rows mean belongs to the layer above (storage.md §5.5). 0 is the store's own.
public struct TableID: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt16

    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }
}

/// Keys and values. An array is a shared immutable buffer here: handing one out costs a reference count, no copy.
public typealias Bytes = [UInt8]
