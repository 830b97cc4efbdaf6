/// Collects the pairs of one mapping: each key once, and those of the merge key `<<`, which fill up what the mapping
/// doesn't say itself.
struct YAMLMappingBuilder {
    private var own: [YAMLNode.Pair] = []
    private var merged: [YAMLNode.Pair] = []
    private var marks: [Name: SourceMark] = [:]

    /// - Throws: for a key that the mapping has already: which of two values counts must not depend on their order.
    mutating func add(_ pair: YAMLNode.Pair) throws(YAMLError) {
        try take(pair.key, at: pair.keyMark)
        own.append(pair)
    }

    /// Takes the value of `<<`: a mapping, or a list of mappings of which the first wins.
    mutating func merge(_ value: YAMLNode, keyMark: SourceMark) throws(YAMLError) {
        try take(YAMLScalar.mergeKey, at: keyMark)
        guard case .sequence(let elements) = value.kind else {
            merged = try pairs(of: value)
            return
        }
        for element in elements { merged += try pairs(of: element) }
    }

    /// The mapping's own pairs in file order, then the merged ones whose keys it doesn't have.
    func finish() -> [YAMLNode.Pair] {
        var taken = Set(marks.keys)
        return own + merged.filter { taken.insert(Name($0.key)).inserted }
    }

    private mutating func take(_ key: String, at mark: SourceMark) throws(YAMLError) {
        if let first = marks.updateValue(mark, forKey: Name(key)) {
            throw YAMLError("duplicate key `\(key)`, used before at \(first). Remove one of the two", at: mark)
        }
    }

    private func pairs(of node: YAMLNode) throws(YAMLError) -> [YAMLNode.Pair] {
        guard case .mapping(let pairs) = node.kind else {
            throw YAMLError(
                "the merge key `<<` takes a mapping, such as the alias `*base`, or a list of them",
                at: node.mark
            )
        }
        return pairs
    }
}

extension YAMLScalar {
    static let mergeKey = "<<"

    /// In quotes it is a key like any other.
    var isMergeKey: Bool { isPlain && tag == .byStyle && text == Self.mergeKey }
}
