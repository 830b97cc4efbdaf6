import Engine

/// Checks that need no stored value, in the order of state.md §4.2: the first failure counts.
extension UpdateOperation {
    func check() throws(UpdateFailure) {
        try path.check()
        if case .merge(_, let value) = self { try Self.checkMerge(value) }
    }

    private static func checkMerge(_ value: JSON) throws(UpdateFailure) {
        guard case .object(let object) = value else {
            throw UpdateFailure(reason: "value.not_an_object", message: "Merge value must be a JSON object")
        }
        guard object.count <= UpdateLimits.maximumMergeKeys else {
            throw UpdateFailure(
                reason: "value.too_many_keys",
                message: "Merge value has \(object.count) top-level keys, "
                    + "exceeds maximum of \(UpdateLimits.maximumMergeKeys)"
            )
        }
        if let key = object.keys.first(where: { UpdateLimits.isForbidden($0) }) {
            throw UpdateFailure(
                reason: "value.proto_polluted",
                message: "Merge value top-level key \"\(key)\" is a prototype-pollution sink"
            )
        }
        let depth = value.nestingDepth
        guard depth <= UpdateLimits.maximumMergeDepth else {
            throw UpdateFailure(
                reason: "value.too_deep",
                message: "Merge value JSON nesting depth \(depth) exceeds maximum of \(UpdateLimits.maximumMergeDepth)"
            )
        }
    }
}

extension UpdatePath {
    fileprivate func check() throws(UpdateFailure) {
        guard segments.count <= UpdateLimits.maximumPathSegments else {
            throw UpdateFailure(
                reason: "path.too_deep",
                message: "Path depth \(segments.count) exceeds maximum of \(UpdateLimits.maximumPathSegments)"
            )
        }
        for segment in segments { try Self.check(segment) }
    }

    private static func check(_ segment: String) throws(UpdateFailure) {
        guard !segment.isEmpty else {
            throw UpdateFailure(reason: "path.empty_segment", message: "Path contains an empty segment")
        }
        let bytes = segment.utf8.count
        guard bytes <= UpdateLimits.maximumSegmentBytes else {
            throw UpdateFailure(
                reason: "path.segment_too_long",
                message: "Path segment of \(bytes) bytes exceeds maximum of \(UpdateLimits.maximumSegmentBytes)"
            )
        }
        guard !UpdateLimits.isForbidden(segment) else {
            throw UpdateFailure(
                reason: "path.proto_polluted",
                message: "Path segment '\(segment)' is not allowed (prototype pollution)."
            )
        }
    }
}

extension JSON {
    /// A scalar is 0; a container one more than the deepest of its children.
    fileprivate var nestingDepth: Int {
        switch self {
        case .null, .bool, .number, .string: 0
        case .array(let elements): 1 + (elements.lazy.map(\.nestingDepth).max() ?? 0)
        case .object(let object): 1 + (object.values.lazy.map(\.nestingDepth).max() ?? 0)
        }
    }
}
