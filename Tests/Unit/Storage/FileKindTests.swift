import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// A pipe in place of a store's file made the boot, `verify` and `restore` wait for ever.
@Suite struct FileKindTests {
    private static func makeStore(_ path: String) throws -> LogDirectory {
        let store = try SteppedStore(path, options: StorageOptions())
        _ = try store.log.commit { $0.put(TableID(rawValue: 1), key: [1], value: [2]) }
        try store.close()
        return LogDirectory(root: path)
    }

    /// Puts something else there, looks what becomes of it, and puts the file back.
    private static func replacing(_ path: String, _ make: (String) -> Int32, _ body: () throws -> Void) throws {
        let isThere = rename(path, path + ".aside") == 0
        try #require(make(path) == 0)
        try body()
        unlink(path)
        if isThere { try #require(rename(path + ".aside", path) == 0) }
    }

    private static let makers: [@Sendable (String) -> Int32] = [
        { mkfifo($0, 0o600) }, { symlink("/dev/zero", $0) }, { symlink("/nowhere", $0) },
    ]

    /// In a process of its own: what waits is ended by a signal.
    @Test func whatIsNoFileIsRefusedAtOnce() async {
        await #expect(processExitsWith: .success) {
            alarm(60)
            let scratch = try ScratchDirectory()
            let directory = try Self.makeStore(scratch.path + "/store")
            let segments = try PosixIO().list(directory.wal).compactMap(LogDirectory.segmentNumber(ofName:))
            let newest = directory.segment(try #require(segments.max()))
            let names = [
                directory.format, directory.head, directory.lock, directory.snapshotData, directory.snapshotLock,
                newest,
            ]
            for (number, make) in Self.makers.enumerated() {
                for name in names {
                    try Self.replacing(name, make) {
                        var message: String?
                        do { try Store.open(path: directory.root).close() } catch { message = "\(error)" }
                        guard let message, message.contains("stands there") else {
                            print("\(name) \(number): \(message ?? "opened")")
                            exit(2)
                        }
                        _ = try? LogInspector(path: directory.root).walk()
                        _ = try? SnapshotInspector(path: directory.root)
                    }
                }
                // Only a note: it is written anew.
                try Self.replacing(directory.snapshot + "/SCRUB", make) {
                    try Store.open(path: directory.root).close()
                }
            }
            exit(0)
        }
    }

    @Test func aBackupWhoseManifestIsAPipeIsRefusedAtOnce() async {
        await #expect(processExitsWith: .success) {
            alarm(60)
            let scratch = try ScratchDirectory()
            let directory = try Self.makeStore(scratch.path + "/store")
            let backup = scratch.path + "/backup"
            _ = try StoreCopy.run(store: directory.root, to: backup)
            unlink(backup + "/" + BackupManifest.name)
            try #require(mkfifo(backup + "/" + BackupManifest.name, 0o600) == 0)
            do {
                _ = try StoreRestore.run(backup: backup, target: scratch.path + "/restored", options: StorageOptions())
            } catch {
                exit("\(error)".contains("stands there") ? 0 : 2)
            }
            exit(3)
        }
    }

    /// Directories may be links: a volume of its own for the log.
    @Test func directoriesMayBeLinks() throws {
        let scratch = try ScratchDirectory()
        let directory = try Self.makeStore(scratch.path + "/store")
        for path in [directory.wal, directory.snapshot] {
            try #require(rename(path, path + ".real") == 0 && symlink(path + ".real", path) == 0)
        }
        try Store.open(path: directory.root).close()
    }
}
