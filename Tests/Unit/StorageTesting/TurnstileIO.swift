@testable import Storage

/// A simulated disk at each of whose calls somebody else may go on.
struct TurnstileIO: StorageIO {
    typealias File = SimulatedDisk.File
    let disk: SimulatedDisk
    private static let reserve = LogDirectory(root: SimulatedStore.root).reserve

    func open(_ path: String, _ mode: OpenMode) throws(SystemCallError) -> File {
        TurnSite.open.pause()
        return try disk.open(path, mode)
    }

    func close(_ file: File) { disk.close(file) }

    func pwrite(_ file: File, _ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemCallError) -> Int {
        TurnSite.pwrite.pause()
        // A mebibyte of zeros, copied a dozen times, is what most of a schedule's time would go to.
        guard file.path != Self.reserve || bytes.count <= LogLimits.blockBytes else {
            _ = try disk.pwrite(file, UnsafeRawBufferPointer(rebasing: bytes[..<LogLimits.blockBytes]), at: 0)
            return bytes.count
        }
        let count = try disk.pwrite(file, bytes, at: offset)
        if file.isDirect { TurnSite.synced.pause() }
        return count
    }

    func pread(_ file: File, into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemCallError)
        -> Int
    {
        TurnSite.pread.pause()
        return try disk.pread(file, into: bytes, at: offset)
    }

    func fdatasync(_ file: File) throws(SystemCallError) {
        TurnSite.fdatasync.pause()
        try disk.fdatasync(file)
        TurnSite.synced.pause()
    }

    func linkCount(_ file: File) throws(SystemCallError) -> UInt64 { try disk.linkCount(file) }
    func size(_ file: File) throws(SystemCallError) -> UInt64 { try disk.size(file) }

    func truncate(_ file: File, to bytes: UInt64) throws(SystemCallError) {
        TurnSite.truncate.pause()
        try disk.truncate(file, to: bytes)
    }

    func syncDirectory(_ path: String) throws(SystemCallError) {
        TurnSite.syncDirectory.pause()
        try disk.syncDirectory(path)
    }

    func rename(_ path: String, to target: String) throws(SystemCallError) {
        TurnSite.rename.pause()
        try disk.rename(path, to: target)
    }

    func renameNew(_ path: String, to target: String) throws(SystemCallError) {
        TurnSite.rename.pause()
        try disk.renameNew(path, to: target)
    }

    func openDirectory(_ path: String) throws(SystemCallError) -> File { try disk.openDirectory(path) }

    func sync(directory: File) throws(SystemCallError) {
        TurnSite.syncDirectory.pause()
        try disk.sync(directory: directory)
    }

    func unlink(_ path: String) throws(SystemCallError) {
        TurnSite.unlink.pause()
        try disk.unlink(path)
    }

    func list(_ path: String) throws(SystemCallError) -> [String] { try disk.list(path) }

    func createDirectory(_ path: String) throws(SystemCallError) {
        TurnSite.createDirectory.pause()
        try disk.createDirectory(path)
    }

    func exists(_ path: String) throws(SystemCallError) -> Bool { try disk.exists(path) }
    func freeBytes(_ path: String) throws(SystemCallError) -> UInt64 { try disk.freeBytes(path) }
}
