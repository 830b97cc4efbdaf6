/// The file system as the log sees it: one thin function per call, a generic parameter of everything above it, so that
/// tests can put a simulated disk underneath (storage.md §6).
///
/// Reads and writes may be short and may fail with EINTR: callers loop (`StorageIO+Whole.swift`).
protocol StorageIO: Sendable {
    associatedtype File: Sendable

    func open(_ path: String, _ mode: OpenMode) throws(SystemCallError) -> File
    func close(_ file: File)
    func pwrite(_ file: File, _ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemCallError) -> Int
    func pread(_ file: File, into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemCallError)
        -> Int
    func fdatasync(_ file: File) throws(SystemCallError)
    /// How many names the open file has. None: what is written to it is gone with the process.
    func linkCount(_ file: File) throws(SystemCallError) -> UInt64
    func size(_ file: File) throws(SystemCallError) -> UInt64
    func truncate(_ file: File, to bytes: UInt64) throws(SystemCallError)
    /// fsync of a directory: makes its names durable.
    func syncDirectory(_ path: String) throws(SystemCallError)
    /// A directory that stays open, so that later syncs of it need no descriptor.
    func openDirectory(_ path: String) throws(SystemCallError) -> File
    func sync(directory: File) throws(SystemCallError)
    func rename(_ path: String, to: String) throws(SystemCallError)
    /// As `rename`, but never in place of a file that is there: EEXIST.
    func renameNew(_ path: String, to: String) throws(SystemCallError)
    /// Which file an open one is, and which one a path leads to; nil: none.
    func identity(_ file: File) throws(SystemCallError) -> FileIdentity
    func identity(_ path: String) throws(SystemCallError) -> FileIdentity?
    func unlink(_ path: String) throws(SystemCallError)
    /// Names in a directory, in no order.
    func list(_ path: String) throws(SystemCallError) -> [String]
    /// Not an error if it is there.
    func createDirectory(_ path: String) throws(SystemCallError)
    func exists(_ path: String) throws(SystemCallError) -> Bool
    /// Reads may come from another thread and in advance.
    var canReadAhead: Bool { get }
    /// Bytes that the file system can still take.
    func freeBytes(_ path: String) throws(SystemCallError) -> UInt64
}

extension StorageIO {
    /// Simulated disks count the calls.
    var canReadAhead: Bool { false }

    /// For simulated disks, where nobody else moves directories.
    func identity(_ file: File) throws(SystemCallError) -> FileIdentity { FileIdentity() }
    func identity(_ path: String) throws(SystemCallError) -> FileIdentity? { FileIdentity() }
}

/// Tells a file or directory from all others, whatever its name is.
struct FileIdentity: Hashable, Sendable {
    var device: UInt64 = 0
    var node: UInt64 = 0
}

/// How a file is opened.
enum OpenMode: Sendable, Equatable {
    /// Read and write, created, emptied.
    case create
    /// Read and write, existing; through the page cache.
    case update
    /// Read and write, existing; writes are durable when they return and bypass the page cache (`O_DIRECT|O_DSYNC`).
    case updateDirect
    /// Read only, past the page cache where possible: what the device holds, not what the kernel remembers.
    case readDevice
}
