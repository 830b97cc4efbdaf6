/// Bytes that a write brought: they stay in the journal.
struct WrittenBytes: Equatable {
    var offset: UInt64
    var count: UInt64
    /// Where they stand in the journal; nil: zeros.
    var source: Int?

    var end: UInt64 { offset + count }

    /// The part within a range; nil: nothing.
    func part(from start: UInt64, upTo end: UInt64) -> WrittenBytes? {
        let first = max(offset, start)
        let last = min(self.end, end)
        guard first < last else { return nil }
        return WrittenBytes(offset: first, count: last - first, source: source.map { $0 + Int(first - offset) })
    }

    /// What is left outside of a range: at most two parts.
    func parts(outside start: UInt64, upTo end: UInt64) -> [WrittenBytes] {
        [part(from: 0, upTo: start), part(from: end, upTo: .max)].compactMap { $0 }
    }
}

/// A change of a file that no sync covers yet.
struct PendingChange {
    enum Kind: Equatable {
        case write(WrittenBytes)
        case truncate(UInt64)
        /// An allocation beyond the end.
        case grow(UInt64)
    }

    /// Index of the journal's entry.
    var entry: Int
    /// Index at which the call had returned; `Int.max`: it is under way. A sync covers what returned before it began.
    var completed: Int
    var kind: Kind
}

/// What a power cut does to what was not durable.
public enum Loss: Sendable, Equatable, CustomStringConvertible {
    /// Everything that was begun is there.
    case keepAll
    /// Only what was durable is there.
    case dropAll
    /// Each write is kept, dropped, torn by 512-byte sectors, or leaves only the new length; each change of a length is kept
    /// or dropped; names follow the rule.
    case random(seed: UInt64, names: NameRule)

    public var description: String {
        switch self {
        case .keepAll: "keep all"
        case .dropAll: "drop all"
        case .random(let seed, let names): "random (seed \(seed), names: \(names.rawValue))"
        }
    }
}

/// Which changes of names may survive without a sync of their directory.
public enum NameRule: String, Sendable {
    /// In each directory those up to some moment, as file systems with an ordered journal do it.
    case prefix
    /// Any of them. A rename is still all or nothing.
    case anySubset
}
