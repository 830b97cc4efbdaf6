import Engine

/// Which upstream worker an index belongs to. One directory may hold those of several: the default `file_path` of state,
/// streams and cron is the same (state.md §6.1).
public enum UpstreamOwner: String, Sendable, Hashable {
    case state, stream, queue, cron

    /// Content of which kind the index becomes; nil: it isn't taken.
    var kind: ContentKind? {
        switch self {
        case .state: .state
        case .stream: .stream
        case .queue, .cron: nil
        }
    }

}

/// The workers that have a volume's `file_path`: they decide whose an index is, its name alone doesn't.
///
/// Upstream's state worker takes every file of its directory for a scope, also one that is called `stream:a:b` or
/// `cron_locks`. Only beside another worker's files such a name means that worker.
public struct UpstreamOwners: Sendable, Hashable {
    public let workers: Set<UpstreamOwner>

    public init(_ workers: Set<UpstreamOwner>) {
        self.workers = workers
    }

    /// A directory that all of upstream's workers may have shared, as they do by default.
    public static let all = UpstreamOwners([.state, .stream, .queue, .cron])

    /// By name and content: a scope may be called `cron_locks`, so only what also looks like locks is taken for them.
    /// nil: none of these workers writes such an index.
    public func owner(of index: UpstreamIndex) -> UpstreamOwner? {
        if workers.contains(.stream), UpstreamStreamName(index: index.name) != nil { return .stream }
        if workers.contains(.queue), index.isQueue { return .queue }
        if workers.contains(.cron), index.isCronLocks { return .cron }
        return workers.contains(.state) ? .state : nil
    }

    /// The kind of content that an index of this name may be; nil: none.
    func kind(ofName index: String) -> ContentKind? {
        if workers.contains(.stream), UpstreamStreamName(index: index) != nil { return .stream }
        return workers.contains(.state) ? .state : nil
    }

    /// These and others.
    func union(_ others: Set<UpstreamOwner>) -> UpstreamOwners {
        UpstreamOwners(workers.union(others))
    }

    /// In the order of their declaration.
    var names: [String] {
        [UpstreamOwner.state, .stream, .queue, .cron].filter(workers.contains).map(\.rawValue)
    }
}

extension ContentKind {
    var owner: UpstreamOwner {
        switch self {
        case .state: .state
        case .stream: .stream
        }
    }
}

extension ContentKind {
    /// Where the entries of an index go.
    func path(ofIndex name: String) -> [String] {
        guard self == .stream, let parts = UpstreamStreamName(index: name) else { return [name] }
        return [parts.stream, parts.group]
    }
}

extension UpstreamIndex {
    /// A job's record, or the lists and sorted sets of all queues (queue.md §5.5).
    fileprivate var isQueue: Bool {
        switch name {
        case "_queue_lists": hasQueueKeys(withValuesIn: UInt8(ascii: "["))
        case "_queue_sorted_sets": hasQueueKeys(withValuesIn: UInt8(ascii: "{"))
        default: isJob
        }
    }

    private func hasQueueKeys(withValuesIn bracket: UInt8) -> Bool {
        !isEmpty && allSatisfy { $0.key.utf8.starts(with: "queue:".utf8) && $0.value.first == bracket }
    }

    /// `queue:{queue}:jobs:{id}` with the job under the empty key.
    private var isJob: Bool {
        guard count == 1, self[0].key.isEmpty, self[0].value.first == UInt8(ascii: "{"),
            name.utf8.starts(with: "queue:".utf8)
        else { return false }
        let parts = name.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        return parts.count >= 4 && parts[parts.count - 2].elementsEqual("jobs".utf8)
    }

    /// `{"owner":…,"expires_at_ms":…}` of each job (cron.md §5).
    fileprivate var isCronLocks: Bool {
        name == "cron_locks" && !isEmpty
            && allSatisfy { entry in
                guard entry.value.count <= Self.longestLock, let lock = try? JSON.parse(Array(entry.value)) else {
                    return false
                }
                return lock.object?.count == 2 && lock["owner"]?.string != nil && lock["expires_at_ms"]?.int64 != nil
            }
    }

    private static let longestLock = 1024
}
