import Engine

/// One operation of `state::update` and `stream::update` on a stored JSON value (state.md §4).
public enum UpdateOperation: Sendable, Equatable {
    /// Replaces the value at `path`.
    case set(path: UpdatePath, value: JSON)
    /// Sets each top-level member of `value` on the object at `path`.
    case merge(path: UpdatePath, value: JSON)
    /// Pushes to the array, or concatenates to the string, at `path`.
    case append(path: UpdatePath, value: JSON)
    case increment(path: UpdatePath, by: Int64)
    case decrement(path: UpdatePath, by: Int64)
    /// Takes the member at `path` out.
    case remove(path: UpdatePath)

    /// The `type` on the wire, which also begins the codes of the operation's errors.
    var name: String {
        switch self {
        case .set: "set"
        case .merge: "merge"
        case .append: "append"
        case .increment: "increment"
        case .decrement: "decrement"
        case .remove: "remove"
        }
    }

    var path: UpdatePath {
        switch self {
        case .set(let path, _), .merge(let path, _), .append(let path, _), .increment(let path, _),
            .decrement(let path, _), .remove(let path):
            path
        }
    }
}

/// Literal keys from the root down; none is the root itself. A dot is an ordinary character of a key (state.md §4.2).
public struct UpdatePath: Sendable, Equatable {
    public let segments: [String]

    public init(_ segments: [String]) {
        self.segments = segments
    }

    /// One literal key; `""` is the root.
    public init(key: String) {
        segments = key.isEmpty ? [] : [key]
    }

    public static let root = UpdatePath([])

    public var isRoot: Bool { segments.isEmpty }

    /// The last key as messages call it.
    var leafLabel: String { segments.last ?? "root" }

    public static func == (left: UpdatePath, right: UpdatePath) -> Bool {
        left.segments.count == right.segments.count
            && zip(left.segments, right.segments).allSatisfy { $0.utf8.elementsEqual($1.utf8) }
    }
}

/// Bounds of what one operation may hold (state.md §4.2).
public enum UpdateLimits {
    public static let maximumPathSegments = 32
    public static let maximumSegmentBytes = 256
    /// Top-level keys of a `merge` value.
    public static let maximumMergeKeys = 1024
    /// Nesting of a `merge` value: a scalar is 0, `{"a":1}` is 1.
    public static let maximumMergeDepth = 16
    /// Keys that JavaScript clients must never receive from another client.
    public static let forbiddenKeys = ["__proto__", "constructor", "prototype"]

    static func isForbidden(_ key: String) -> Bool {
        forbiddenKeys.contains { $0.utf8.elementsEqual(key.utf8) }
    }
}
