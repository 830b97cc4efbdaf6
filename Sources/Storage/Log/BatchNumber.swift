/// Number of a batch: +1 each, across segments, from 1 (storage.md §5.4). 0 stands for "none yet".
struct BatchNumber: Comparable, Hashable, Sendable, CustomStringConvertible {
    var rawValue: UInt64

    static let none = BatchNumber(rawValue: 0)

    var next: BatchNumber { BatchNumber(rawValue: rawValue + 1) }

    static func < (left: BatchNumber, right: BatchNumber) -> Bool {
        left.rawValue < right.rawValue
    }

    var description: String { "\(rawValue)" }
}

/// Number of a segment: +1 each, from 1; equals the file's name (storage.md §5.2). 0 stands for "none yet".
struct SegmentNumber: Comparable, Hashable, Sendable, CustomStringConvertible {
    var rawValue: UInt64

    static let none = SegmentNumber(rawValue: 0)
    static let first = SegmentNumber(rawValue: 1)

    var next: SegmentNumber { SegmentNumber(rawValue: rawValue + 1) }

    static func < (left: SegmentNumber, right: SegmentNumber) -> Bool {
        left.rawValue < right.rawValue
    }

    var description: String { "\(rawValue)" }
}

/// 128 random bits that tell this store's files from another's.
struct StoreID: Hashable, Sendable {
    var high: UInt64
    var low: UInt64
}
