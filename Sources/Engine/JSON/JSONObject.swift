/// The members of a JSON object in the order of their first appearance, keys compared by bytes.
///
/// Lookup walks a small object and hashes in a big one: reading, setting and removing a member take constant time on
/// average. Setting a present key keeps its position.
public struct JSONObject: Sendable {
    public typealias Element = (key: String, value: JSON)

    /// Most members that a lookup walks; more are indexed.
    static let maximumUnindexed = 12

    /// Nil where a member of an indexed object has been removed. The last one is never nil.
    private var members: [Element?] = []
    private var gaps = 0
    /// Position of every key; nil while walking is faster, and then there are no gaps.
    private var index: [IndexKey: Int]?

    public init() {}

    public var count: Int { members.count - gaps }
    public var isEmpty: Bool { members.isEmpty }
    public var keys: some Sequence<String> { lazy.map(\.key) }
    public var values: some Sequence<JSON> { lazy.map(\.value) }

    /// Nil when the key is absent; JSON null is `.null`. Setting nil removes the member.
    public subscript(key: String) -> JSON? {
        get { position(of: key).flatMap { members[$0]?.value } }
        set {
            if let newValue {
                set(key, newValue)
            } else {
                remove(key)
            }
        }
    }

    public mutating func set(_ key: String, _ value: JSON) {
        if let position = position(of: key) {
            members[position]?.value = value
        } else {
            append(key, value)
        }
    }

    @discardableResult
    public mutating func remove(_ key: String) -> JSON? {
        guard let position = position(of: key) else { return nil }
        guard index != nil else { return members.remove(at: position)?.value }
        let removed = members[position]
        members[position] = nil
        index?[IndexKey(key)] = nil
        gaps += 1
        closeGaps()
        return removed?.value
    }

    /// Gaps at the end go at once, the others when they are half of all: constant time per removal on average.
    private mutating func closeGaps() {
        while let end = members.last, end == nil {
            members.removeLast()
            gaps -= 1
        }
        guard gaps * 2 > members.count else { return }
        members.removeAll { $0 == nil }
        gaps = 0
        index = nil
        reindex()
    }

    /// Changes one value in place; a missing key is added with what `body` makes of nil. What it leaves nil is removed.
    ///
    /// The value is taken out while `body` runs, so that changing it copies nothing.
    public mutating func update<Result, Failure>(
        _ key: String,
        _ body: (inout JSON?) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let position = position(of: key)
        var value = position.map { take(at: $0) }
        defer {
            if let position, let value {
                members[position]?.value = value
            } else {
                self[key] = value
            }
        }
        return try body(&value)
    }

    private mutating func take(at position: Int) -> JSON {
        guard let member = members[position] else { return .null }
        members[position] = (member.key, .null)
        return member.value
    }

    private mutating func append(_ key: String, _ value: JSON) {
        members.append((key, value))
        if index != nil {
            index?[IndexKey(key)] = members.count - 1
        } else {
            reindex()
        }
    }

    private mutating func reindex() {
        guard index == nil, members.count > Self.maximumUnindexed else { return }
        var positions = [IndexKey: Int](minimumCapacity: members.count * 2)
        for case (let position, let member?) in members.enumerated() { positions[IndexKey(member.key)] = position }
        index = positions
    }

    private func position(of key: String) -> Int? {
        if let index { return index[IndexKey(key)] }
        return members.firstIndex { $0?.key.holdsSameBytes(as: key) == true }
    }

    private struct IndexKey: Hashable {
        let text: String

        init(_ text: String) { self.text = text }

        static func == (left: IndexKey, right: IndexKey) -> Bool { left.text.holdsSameBytes(as: right.text) }

        func hash(into hasher: inout Hasher) {
            text.withBytes { hasher.combine(bytes: $0) }
        }
    }
}

extension JSONObject: Sequence {
    /// Elements in order, past the gaps.
    public struct Iterator: IteratorProtocol {
        fileprivate var rest: IndexingIterator<[JSONObject.Element?]>

        public mutating func next() -> JSONObject.Element? {
            while let member = rest.next() {
                if let member { return member }
            }
            return nil
        }
    }

    public var underestimatedCount: Int { count }

    public func makeIterator() -> Iterator { Iterator(rest: members.makeIterator()) }
}

extension JSONObject: Equatable {
    /// Same keys with equal values, in any order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.allSatisfy { right[$0.key] == $0.value }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSON)...) {
        for (key, value) in elements { set(key, value) }
    }
}

extension JSONObject: CustomStringConvertible {
    public var description: String { JSON.object(self).description }
}
