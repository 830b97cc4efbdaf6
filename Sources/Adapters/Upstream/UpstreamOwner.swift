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

    /// The kind by the name alone: `stream:{stream}:{group}` is a stream's, every other one may be a scope.
    static func kind(ofName index: String) -> ContentKind {
        UpstreamStreamName(index: index) == nil ? .state : .stream
    }

    /// By name and content: a scope may be called `cron_locks`, so only what also looks like locks is taken for them.
    init(_ index: UpstreamIndex) {
        if UpstreamStreamName(index: index.name) != nil {
            self = .stream
        } else if index.isQueue {
            self = .queue
        } else if index.isCronLocks {
            self = .cron
        } else {
            self = .state
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
