/// One node of a YAML document with the place where it begins. Aliases are resolved, nothing is typed yet.
public struct YAMLNode: Sendable {
    public indirect enum Kind: Sendable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        /// In file order, each key once; keys merged by `<<` come last.
        case mapping([Pair])
    }

    public struct Pair: Sendable {
        public let key: String
        public let keyMark: SourceMark
        public let value: YAMLNode
    }

    public let kind: Kind
    public let mark: SourceMark
}

/// A scalar as written. Only an untagged plain scalar is typed by its look.
public struct YAMLScalar: Sendable {
    public enum Tag: Sendable { case byStyle, string, integer, float, bool, null }

    public let text: String
    public let tag: Tag
    public let isPlain: Bool
}

/// Bounds of a document, counted after aliases are expanded.
public enum YAMLLimits {
    /// A hostile file of a few hundred bytes can otherwise expand to billions of nodes.
    public static let maximumNodes = 100_000
    /// Containers within containers; the same as for JSON.
    public static let maximumDepth = 128
}
