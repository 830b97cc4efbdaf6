/// Builds the node tree of a text that holds one document (config-file.md §2).
public enum YAML {
    /// The document's root, or nil for an empty or comment-only text.
    ///
    /// - Parameter fileLine: translates a line of the text for marks and errors, when the text isn't the file itself.
    public static func parse(
        _ bytes: [UInt8],
        fileLine: @escaping (Int) -> Int = { $0 }
    ) throws(YAMLError) -> YAMLNode? {
        var composer = try YAMLComposer(bytes, fileLine: fileLine)
        return try composer.document()
    }

    public static func parse(_ text: String) throws(YAMLError) -> YAMLNode? {
        try parse(Array(text.utf8))
    }
}

private struct YAMLComposer: ~Copyable {
    /// What an anchor stands for, with the size it adds wherever an alias repeats it.
    private struct Anchored {
        let node: YAMLNode
        let nodes: Int
        let height: Int
    }

    private var events: YAMLEventReader
    private var anchors: [Name: Anchored] = [:]
    private var nodes = 0

    init(_ bytes: [UInt8], fileLine: @escaping (Int) -> Int) throws(YAMLError) {
        events = try YAMLEventReader(bytes, fileLine: fileLine)
    }

    mutating func document() throws(YAMLError) -> YAMLNode? {
        _ = try events.next()
        guard case .documentStart = try events.next().kind else { return nil }
        var height = 0
        let root = try node(try events.next(), depth: 0, height: &height)
        _ = try events.next()
        let next = try events.next()
        guard case .streamEnd = next.kind else {
            throw YAMLError("more than one YAML document; put everything into one", at: next.mark)
        }
        return root
    }

    /// `height` becomes the number of containers nested in the node, itself included.
    private mutating func node(
        _ event: YAMLEventReader.Event,
        depth: Int,
        height: inout Int
    ) throws(YAMLError) -> YAMLNode {
        let before = nodes
        try count(1, at: event.mark)
        height = 0
        switch event.kind {
        case .alias(let name):
            return try alias(name, depth: depth, height: &height, at: event.mark)
        case .scalar(let scalar, let anchor):
            return remember(YAMLNode(kind: .scalar(scalar), mark: event.mark), anchor, before, height)
        case .sequenceStart(let anchor):
            let node = YAMLNode(kind: .sequence(try sequence(event, depth + 1, &height)), mark: event.mark)
            return remember(node, anchor, before, height)
        case .mappingStart(let anchor):
            let node = YAMLNode(kind: .mapping(try mapping(event, depth + 1, &height)), mark: event.mark)
            return remember(node, anchor, before, height)
        default:
            throw YAMLError("unexpected end of a block", at: event.mark)
        }
    }

    private mutating func remember(_ node: YAMLNode, _ anchor: String?, _ before: Int, _ height: Int) -> YAMLNode {
        if let anchor { anchors[Name(anchor)] = Anchored(node: node, nodes: nodes - before, height: height) }
        return node
    }

    private mutating func alias(
        _ name: String,
        depth: Int,
        height: inout Int,
        at mark: SourceMark
    ) throws(YAMLError) -> YAMLNode {
        guard let anchored = anchors[Name(name)] else {
            throw YAMLError("unknown anchor `\(name)`", at: mark)
        }
        try count(anchored.nodes, at: mark)
        try checkDepth(depth + anchored.height, at: mark)
        height = anchored.height
        return anchored.node
    }

    private mutating func sequence(
        _ start: YAMLEventReader.Event,
        _ depth: Int,
        _ height: inout Int
    ) throws(YAMLError) -> [YAMLNode] {
        try checkDepth(depth, at: start.mark)
        var elements: [YAMLNode] = []
        var tallest = 0
        while true {
            let event = try events.next()
            if case .sequenceEnd = event.kind { break }
            var own = 0
            elements.append(try node(event, depth: depth, height: &own))
            tallest = max(tallest, own)
        }
        height = tallest + 1
        return elements
    }

    private mutating func mapping(
        _ start: YAMLEventReader.Event,
        _ depth: Int,
        _ height: inout Int
    ) throws(YAMLError) -> [YAMLNode.Pair] {
        try checkDepth(depth, at: start.mark)
        var pairs = YAMLMappingBuilder()
        var tallest = 0
        while true {
            let event = try events.next()
            if case .mappingEnd = event.kind { break }
            var own = 0
            let key = try scalar(try node(event, depth: depth, height: &own), at: event.mark)
            let value = try node(try events.next(), depth: depth, height: &own)
            if key.isMergeKey {
                try pairs.merge(value, keyMark: event.mark)
            } else {
                let name = try name(of: key, at: event.mark)
                try pairs.add(YAMLNode.Pair(key: name, keyMark: event.mark, value: value))
            }
            tallest = max(tallest, own)
        }
        height = tallest + 1
        return pairs.finish()
    }

    private func scalar(_ node: YAMLNode, at mark: SourceMark) throws(YAMLError) -> YAMLScalar {
        guard case .scalar(let scalar) = node.kind else {
            throw YAMLError("a mapping key must be a string, not a list or a mapping", at: mark)
        }
        return scalar
    }

    private func name(of scalar: YAMLScalar, at mark: SourceMark) throws(YAMLError) -> String {
        guard case .string(let key) = try scalar.typed(at: mark) else {
            throw YAMLError("a mapping key must be a string; put `\(scalar.text)` in quotes", at: mark)
        }
        return key
    }

    private mutating func count(_ more: Int, at mark: SourceMark) throws(YAMLError) {
        nodes += more
        guard nodes <= YAMLLimits.maximumNodes else {
            throw YAMLError("more than \(YAMLLimits.maximumNodes) nodes once aliases are expanded", at: mark)
        }
    }

    private func checkDepth(_ depth: Int, at mark: SourceMark) throws(YAMLError) {
        guard depth <= YAMLLimits.maximumDepth else {
            throw YAMLError("nested deeper than \(YAMLLimits.maximumDepth) levels", at: mark)
        }
    }
}
