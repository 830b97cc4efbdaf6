import Storage

#if canImport(Glibc)
    import Glibc
#endif

/// Opens stores by path, one handle per path in the process: workers that name the same `file_path` share one log
/// and one sync (storage.md §1). Confined to the event loop.
public final class StoreRegistry {
    private var stores: [String: SharedStore] = [:]
    private let options: StorageOptions

    public init(options: StorageOptions) {
        self.options = options
    }

    /// The store at `path`, opened on first use. Every call is balanced by one `release()`.
    public func open(_ path: String) throws -> SharedStore {
        if let known = Self.resolved(path), let shared = stores[known] {
            shared.users += 1
            return shared
        }
        let store = try Store.open(path: path, options: options)
        let key = Self.resolved(path) ?? store.recovery.path
        let shared = SharedStore(store) { self.stores[key] = nil }
        stores[key] = shared
        return shared
    }

    /// The directory's one true name; nil while it doesn't exist.
    private static func resolved(_ path: String) -> String? {
        guard let name = realpath(path, nil) else { return nil }
        defer { free(name) }
        return String(cString: name)
    }

    public var all: [Store] { stores.values.map(\.store) }
}

/// One handle of a store that several workers may hold; the last release closes it.
public final class SharedStore {
    public let store: Store
    fileprivate var users = 1
    private let onClose: () -> Void

    fileprivate init(_ store: Store, onClose: @escaping () -> Void) {
        self.store = store
        self.onClose = onClose
    }

    public func release() throws {
        users -= 1
        guard users == 0 else { return }
        onClose()
        try store.close()
    }
}
