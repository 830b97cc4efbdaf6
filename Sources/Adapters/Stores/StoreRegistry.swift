import Storage

#if canImport(Glibc)
    import Glibc
#endif

/// Opens stores by path, one handle per path in the process: workers that name the same `file_path` share one log
/// and one sync (storage.md §1). Confined to the event loop.
public final class StoreRegistry {
    private var stores: [String: SharedStore] = [:]
    private let options: StorageOptions
    /// Workers with the `file_path` that each has.
    private var owners: [(path: String, owner: UpstreamOwner)] = []

    public init(options: StorageOptions) {
        self.options = options
    }

    /// The store at `path`, opened on first use. Every call is balanced by one `release()`.
    ///
    /// - Parameter worker: who asks, for error messages.
    /// - Throws: a `StorageError`, or a `StoreConflict` if the store is open with other settings.
    public func open(
        _ path: String,
        settings: StoreSettings = .init(),
        for worker: String
    ) throws -> SharedStore {
        if let known = Self.resolved(path), let shared = stores[known] {
            let fields = settings.differences(from: shared.settings)
            guard fields.isEmpty else {
                throw StoreConflict(path: known, workers: (shared.worker, worker), fields: fields)
            }
            shared.users += 1
            return shared
        }
        var options = options
        settings.apply(to: &options)
        let store = try Store.open(path: path, options: options)
        let key = Self.resolved(path) ?? store.recovery.path
        let shared = SharedStore(store, settings, openedFor: worker) { self.stores[key] = nil }
        stores[key] = shared
        return shared
    }

    /// Tells of a worker that has this path, before any store is opened: who has one decides what upstream's files in it are.
    public func declare(_ owner: UpstreamOwner, at path: String) {
        owners.append((path, owner))
    }

    /// All workers that were declared with the path of an open store, under whatever name.
    public func owners(of shared: SharedStore) -> UpstreamOwners {
        let path = shared.store.recovery.path
        return UpstreamOwners(Set(owners.filter { Self.resolved($0.path) == path }.map(\.owner)))
    }

    /// The directory's one true name; nil while it doesn't exist.
    private static func resolved(_ path: String) -> String? {
        guard let name = realpath(path, nil) else { return nil }
        defer { free(name) }
        return String(cString: name)
    }

    public var all: [Store] { stores.values.map(\.store) }

    /// The counters of every open store, by absolute path; in the order of the paths. Waits for no disk.
    public var metrics: [(path: String, metrics: StoreMetrics)] {
        stores.sorted { $0.key < $1.key }.map { ($0.key, $0.value.store.metrics) }
    }

    /// For an engine that could not start: closes what was opened, whoever holds it.
    public func closeAll() {
        for shared in stores.values { try? shared.store.close() }
        stores = [:]
    }
}

/// One handle of a store that several workers may hold; the last release closes it.
public final class SharedStore {
    public let store: Store
    fileprivate let settings: StoreSettings
    /// Who asked first.
    fileprivate let worker: String
    fileprivate var users = 1
    private let onClose: () -> Void

    fileprivate init(
        _ store: Store,
        _ settings: StoreSettings,
        openedFor worker: String,
        onClose: @escaping () -> Void
    ) {
        self.store = store
        self.settings = settings
        self.worker = worker
        self.onClose = onClose
    }

    public func release() throws {
        users -= 1
        guard users == 0 else { return }
        onClose()
        try store.close()
    }
}

/// Two workers name one store and disagree about it.
public struct StoreConflict: Error, CustomStringConvertible {
    public let path: String
    public let workers: (String, String)
    /// Names of config.yaml.
    public let fields: [String]

    public var description: String {
        "'\(workers.0)' and '\(workers.1)' share the store \(path), but differ in "
            + fields.map { "`\($0)`" }.joined(separator: ", ")
            + ". Give both the same values, or each a `file_path` of its own"
    }
}
