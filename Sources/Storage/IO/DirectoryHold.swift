import Synchronization

/// What a store holds open of its directory for as long as it lives: syncs of `wal/` need no new descriptor, and it can be
/// seen whether the paths still lead to the directory that was opened (I9).
final class DirectoryHold<IO: StorageIO>: Sendable {
    private struct Place: Sendable {
        var path: String
        var identity: FileIdentity
    }

    private struct Folders: Sendable {
        var root: IO.File
        var wal: IO.File
    }

    private let io: IO
    private let directory: LogDirectory
    /// nil: closed.
    private let folders: Mutex<Folders?>
    /// The owner's lock, whose descriptor is not ours to close. nil: the directory has another kind of owner.
    private let lock: IO.File?
    /// How many names LOCK had when it was looked at last.
    private let lockNames = Atomic<UInt64>(0)
    private let places: [Place]

    /// - Parameter snapshot: the file that the snapshot is read from; nil: it is none of a file system.
    init(io: IO, directory: LogDirectory, lock: IO.File?, snapshot: FileIdentity? = nil) throws(SystemCallError) {
        self.io = io
        self.directory = directory
        self.lock = lock
        let root = try io.openDirectory(directory.root)
        let wal: IO.File
        do throws(SystemCallError) {
            wal = try io.openDirectory(directory.wal)
        } catch {
            io.close(root)
            throw error
        }
        do throws(SystemCallError) {
            var places = [
                Place(path: directory.root, identity: try io.identity(root)),
                Place(path: directory.wal, identity: try io.identity(wal)),
            ]
            if let lock {
                places.append(Place(path: directory.lock, identity: try io.identity(lock)))
                lockNames.store(try io.linkCount(lock), ordering: .relaxed)
            }
            if let snapshot { places.append(Place(path: directory.snapshotData, identity: snapshot)) }
            self.places = places
            folders = Mutex(Folders(root: root, wal: wal))
        } catch {
            io.close(wal)
            io.close(root)
            throw error
        }
    }

    deinit {
        close()
    }

    /// An open directory keeps its volume from being unmounted.
    func close() {
        folders.withLock { folders in
            guard let open = folders else { return }
            folders = nil
            io.close(open.wal)
            io.close(open.root)
        }
    }

    func syncLog() throws(SystemCallError) {
        try folders.withLock { (folders) throws(SystemCallError) in
            guard let folders else { return try io.syncDirectory(directory.wal) }
            try io.sync(directory: folders.wal)
        }
    }

    /// Without LOCK another engine may own the directory by now: nothing that we write may be acknowledged.
    func requireLock() throws(StorageError) {
        guard let lock else { return }
        let names: UInt64
        do {
            names = try io.linkCount(lock)
        } catch {
            throw .ownershipUnknown(directory.lock, error)
        }
        if names == 0 { throw .ownershipLost(directory.lock, "LOCK was removed") }
        let before = lockNames.exchange(names, ordering: .relaxed)
        // Of several hard links one has gone: the path tells which.
        if names < before { try requirePlaces() }
    }

    /// Files are created, renamed and removed by their paths, and the next opening reads the snapshot by its own: those must
    /// still lead where they led.
    func requirePlaces() throws(StorageError) {
        for place in places {
            let found: FileIdentity?
            do {
                found = try io.identity(place.path)
            } catch {
                throw .ownershipUnknown(place.path, error)
            }
            guard found != place.identity else { continue }
            let name = place.path.split(separator: "/").last ?? "/"
            throw .ownershipLost(
                place.path,
                found == nil ? "\(name) was removed or renamed" : "something else stands there now"
            )
        }
    }
}

extension StorageError {
    static func ownershipLost(_ path: String, _ what: String) -> StorageError {
        StorageError(
            .durabilityLost,
            "the store's directory was changed while the store was open: \(what). Another engine may write there: stop all but one, put the directory back, then restart",
            path: path
        )
    }

    static func ownershipUnknown(_ path: String, _ error: SystemCallError) -> StorageError {
        StorageError(
            .durabilityLost,
            "could not look whether the store's directory is still ours: \(error.reason); check the device, then restart",
            path: path,
            systemCall: error
        )
    }
}
