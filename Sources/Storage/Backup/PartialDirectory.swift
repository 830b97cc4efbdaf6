import CPlatform
import Glibc

/// The directory that an offline writer fills before it gets its final name: `<target>.partial`.
///
/// A marker file is written first. It names the writer and the target, and it is locked while the writer runs. So an
/// interrupted attempt can be told from somebody else's files, and two writers can't empty each other's directory. The
/// final name is given without replacing anything, after every file and directory below was synced.
public final class PartialDirectory {
    /// The writers, as the marker names them.
    public enum Kind: String, Sendable {
        case backup, restore, proof, copy, store, volume
    }

    static let marker = "PARTIAL"
    static let heading = "iii-storage partial 1"
    static let markerBytesLimit = 8192
    /// A writer that finishes or gives up at this moment takes the directory away.
    static let attempts = 5

    /// Absolute path, as long as the directory has no other name.
    public let path: String
    let target: String
    private let kind: Kind
    private let marker: MarkerFile
    private var isNamed = false
    private var isOver = false

    private init(_ kind: Kind, path: String, target: String, _ marker: MarkerFile) {
        self.kind = kind
        self.path = path
        self.target = target
        self.marker = marker
    }

    /// Creates `<target>.partial`, or empties what an interrupted attempt left there.
    ///
    /// - Throws: if the target exists, if another process writes there, or if the directory holds anything that no writer
    ///   of this program makes. Nothing was changed then.
    public static func claim(_ kind: Kind, for target: String) throws(StorageError) -> PartialDirectory {
        var target = try StoreDirectory.absolutePath(target)
        while target.utf8.count > 1, target.utf8.last == UInt8(ascii: "/") { target.removeLast() }
        do throws(SystemCallError) {
            guard try !PosixIO().exists(target) else {
                throw SystemCallError(call: "mkdir", number: EEXIST, path: target)
            }
        } catch {
            throw .targetUnusable(error)
        }
        return try claim(kind, path: target + ".partial", for: target)
    }

    /// Same, at any path.
    static func claim(_ kind: Kind, path: String, for target: String) throws(StorageError) -> PartialDirectory {
        for _ in 0..<attempts {
            guard let marker = try MarkerFile.lock(in: path) else { continue }
            do {
                try marker.prepare(kind, target: target)
            } catch {
                marker.close()
                throw error
            }
            return PartialDirectory(kind, path: path, target: target, marker)
        }
        throw .partialInUse(path)
    }

    /// Syncs everything, then gives the directory its final name. After an error call `discard`.
    public func finish() throws(StorageError) {
        do throws(SystemCallError) {
            try finishOrFail()
        } catch {
            throw .targetUnusable(error)
        }
    }

    func finishOrFail() throws(SystemCallError) {
        let io = PosixIO()
        if !isMutant(.noBackupNameSync) { try FileTree(path).sync() }
        try io.unlink(path + "/" + Self.marker)
        try io.syncDirectory(path)
        try io.renameNew(path, to: target)
        isNamed = true
        try io.syncDirectory(parentDirectory(of: target))
        releaseLock()
    }

    /// Removes everything that was written, under whatever name. What can't be removed stays: the first error counts.
    public func discard() {
        guard !isOver else { return }
        let root = isNamed ? target : path
        try? FileTree(root).remove(last: Self.marker)
        // Or a power cut brings it back.
        try? PosixIO().syncDirectory(parentDirectory(of: root))
        releaseLock()
    }

    /// What was written stays. Twice does no harm.
    func releaseLock() {
        if !isOver { marker.close() }
        isOver = true
    }

    deinit {
        releaseLock()
    }
}

/// The locked file `PARTIAL`.
private struct MarkerFile {
    let descriptor: Int32
    let directory: String

    private var path: String { directory + "/" + PartialDirectory.marker }

    /// nil: the directory went away meanwhile.
    static func lock(in directory: String) throws(StorageError) -> MarkerFile? {
        guard try open(directory) else { return nil }
        let path = directory + "/" + PartialDirectory.marker
        let descriptor = iii_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            if descriptor == -ENOENT { return nil }
            throw .targetUnusable(SystemCallError(call: "open", number: -descriptor, path: path))
        }
        let file = MarkerFile(descriptor: descriptor, directory: directory)
        let status = iii_try_lock_file(descriptor)
        guard status == 0 else {
            file.close()
            guard status == EAGAIN || status == EACCES else {
                throw .targetUnusable(SystemCallError(call: "fcntl(F_OFD_SETLK)", number: status, path: path))
            }
            throw .partialInUse(directory)
        }
        // Not taken away between the opening and the lock.
        guard PosixIO().isNamed(file.file) else {
            file.close()
            return nil
        }
        return file
    }

    /// Makes the directory, or looks whether the one that is there is ours. False: it went away.
    private static func open(_ directory: String) throws(StorageError) -> Bool {
        if mkdir(directory, 0o700) == 0 { return true }
        let number = errno
        guard number == EEXIST else {
            throw .targetUnusable(SystemCallError(call: "mkdir", number: number, path: directory))
        }
        let names: [String]
        do throws(SystemCallError) {
            names = try FileTree.kind(directory) == S_IFDIR ? try PosixIO().list(directory) : ["."]
        } catch {
            if error.number == ENOENT { return false }
            throw .targetUnusable(error)
        }
        guard names.isEmpty || names.contains(PartialDirectory.marker) else {
            throw .notOurPartial(directory + "/" + (names.min() ?? ""))
        }
        return true
    }

    private var file: PosixIO.File { PosixIO.File(descriptor: descriptor, path: path) }

    /// Empties the directory and writes who works there.
    func prepare(_ kind: PartialDirectory.Kind, target: String) throws(StorageError) {
        let stranger: String?
        do throws(SystemCallError) {
            let limit = PartialDirectory.markerBytesLimit
            let earlier = String(decoding: try PosixIO().readFile(path, limit: limit), as: UTF8.self)
            // A power cut may leave it empty.
            let isOurs = earlier.isEmpty || earlier.hasPrefix(PartialDirectory.heading + "\n")
            stranger = isOurs ? try FileTree(directory).stranger() : path
        } catch {
            throw .targetUnusable(error)
        }
        if let stranger { throw .notOurPartial(stranger) }
        do throws(SystemCallError) {
            try FileTree(directory).empty(but: PartialDirectory.marker)
            try write("\(PartialDirectory.heading)\nkind \(kind.rawValue)\ntarget \(target)\n")
        } catch {
            throw .targetUnusable(error)
        }
    }

    /// Durable before anything else is in the directory.
    private func write(_ text: String) throws(SystemCallError) {
        let io = PosixIO()
        let bytes = AlignedBytes(count: text.utf8.count)
        bytes.mutable.copyBytes(from: text.utf8)
        try io.writeAll(file, bytes.readOnly, at: 0)
        extendLifetime(bytes)
        try io.truncate(file, to: UInt64(text.utf8.count))
        try io.fdatasync(file)
        try io.syncDirectory(directory)
    }

    func close() {
        _ = Glibc.close(descriptor)
    }
}

extension StorageError {
    /// The target, or its partial directory, can't be made or given its name.
    static func targetUnusable(_ error: SystemCallError) -> StorageError {
        switch error.number {
        case _ where error.isLackOfResources: .processShort("writing there", error)
        case ENOENT, ENOTDIR, EACCES, EPERM, EROFS, ELOOP, ENAMETOOLONG:
            StorageError(
                .unusableDirectory,
                "nothing can be made there: \(error.reason); name a path in a directory that exists and that you may write to",
                path: error.path,
                systemCall: error
            )
        case EEXIST, ENOTEMPTY:
            StorageError(
                .unusableDirectory,
                "something is there already; name a path that does not exist yet",
                path: error.path,
                systemCall: error
            )
        default:
            StorageError(
                .inputOutput,
                "it can't be written there: \(error.reason); name a path that does not exist yet, on a disk with room",
                path: error.path,
                systemCall: error
            )
        }
    }

    /// A directory has the name that unfinished work has, but holds something else.
    static func notOurPartial(_ path: String) -> StorageError {
        StorageError(
            .unusableDirectory,
            "this is not what an interrupted run of this program leaves; move it away, or name another target",
            path: path
        )
    }

    static func partialInUse(_ path: String) -> StorageError {
        StorageError(
            .locked,
            "another process is writing there; wait until it has finished, or name another target",
            path: path
        )
    }
}
