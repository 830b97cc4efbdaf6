import Glibc

/// The files of a store, a backup or an upstream volume: what offline writers create, sync and remove.
struct FileTree {
    let directory: LogDirectory
    private let io = PosixIO()

    init(_ root: String) {
        directory = LogDirectory(root: root)
    }

    init(_ directory: LogDirectory) {
        self.directory = directory
    }

    /// Below the root; files are in these and in the root only.
    private var folders: [String] { [directory.snapshot, directory.wal, directory.quarantine] }
    private static let folderNames: Set<String> = ["snapshot", "wal", "quarantine"]

    /// The folders of a store.
    func create() throws(SystemCallError) {
        for path in [directory.root, directory.snapshot, directory.wal] { try io.createDirectory(path) }
    }

    /// Makes every file and every name durable, the root's own name aside. Children first.
    func sync() throws(SystemCallError) {
        for folder in folders + [directory.root] where try io.exists(folder) {
            for name in try io.list(folder).sorted() where try Self.kind(folder + "/" + name) == S_IFREG {
                let file = try io.open(folder + "/" + name, .readDevice)
                defer { io.close(file) }
                try io.fdatasync(file)
            }
            try io.syncDirectory(folder)
        }
    }

    /// Removes the root and everything in it; not an error if there is none.
    ///
    /// - Parameter last: the file that goes last, so that an interrupted removal is known for what it is.
    func remove(last: String? = nil) throws(SystemCallError) {
        guard try io.exists(directory.root) else { return }
        try empty(but: last)
        if let last, try io.exists(directory.root + "/" + last) { try io.unlink(directory.root + "/" + last) }
        try Self.removeFolder(directory.root)
    }

    /// Removes all files and folders below the root.
    func empty(but kept: String?) throws(SystemCallError) {
        for folder in folders where try io.exists(folder) { try removeFolder(folder) }
        for name in try io.list(directory.root) where name != kept { try io.unlink(directory.root + "/" + name) }
    }

    /// A folder of files; not an error if there is none.
    func removeFolder(_ folder: String) throws(SystemCallError) {
        guard try io.exists(folder) else { return }
        for name in try io.list(folder) { try io.unlink(folder + "/" + name) }
        try Self.removeFolder(folder)
    }

    private static func removeFolder(_ path: String) throws(SystemCallError) {
        guard rmdir(path) == 0 else { throw SystemCallError(call: "rmdir", number: errno, path: path) }
    }

    /// Path of anything that no offline writer makes; nil: there is nothing like that.
    func stranger() throws(SystemCallError) -> String? {
        for name in try io.list(directory.root).sorted() {
            let path = directory.root + "/" + name
            let isFolder = Self.folderNames.contains(name)
            guard isFolder || Self.isOwn(name), try Self.kind(path) == (isFolder ? S_IFDIR : S_IFREG) else {
                return path
            }
        }
        for folder in folders where try io.exists(folder) {
            for name in try io.list(folder).sorted() {
                let path = folder + "/" + name
                guard isOwn(name, in: folder), try Self.kind(path) == S_IFREG else { return path }
            }
        }
        return nil
    }

    private static let ownNames: Set<String> = LogDirectory.names.union([
        PartialDirectory.marker, BackupManifest.name, BackupManifest.name + ".tmp",
    ])

    /// Of a store, a backup, or an upstream volume.
    private static func isOwn(_ name: String) -> Bool {
        ownNames.contains(name) || name.hasSuffix(".bin") || name.hasSuffix(".bin.tmp")
    }

    private func isOwn(_ name: String, in folder: String) -> Bool {
        switch folder {
        case directory.wal:
            LogDirectory.segmentNumber(ofName: name) != nil || LogDirectory.isTemporary(name)
                || name == LogDirectory.headName
        case directory.snapshot: ["data.mdb", "lock.mdb", LogDirectory.scrubName].contains(name)
        default: true
        }
    }

    /// Symbolic links are not followed.
    static func kind(_ path: String) throws(SystemCallError) -> mode_t {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { throw SystemCallError(call: "lstat", number: errno, path: path) }
        return facts.st_mode & S_IFMT
    }
}

func parentDirectory(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
