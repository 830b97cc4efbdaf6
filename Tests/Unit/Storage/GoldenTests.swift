import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// Files of every released format stay readable, and the writer still writes exactly these bytes (I11).
///
/// The files under `Golden/` hold the store of `CrashTests` after a clean shutdown. They are written once per format, by
/// running this suite with `III_WRITE_GOLDEN=1`, and never changed afterwards. `v1` has the checkpoint row of major 1,
/// which is only read; `v2` is what the writer writes.
@Suite struct GoldenTests {
    static let directory = String(#filePath.dropLast("GoldenTests.swift".utf8.count)) + "Golden/"
    private static let written = directory + "v2/"
    /// Came later; a store without it opens as well.
    static let head = directory + "head/HEAD"

    private func golden(_ path: String) throws -> [UInt8] {
        try PosixIO().readFile(path, limit: 1 << 20)
    }

    @Test func theWriterStillWritesTheseBytes() throws {
        var image = CrashTests.run(CrashScenario(kind: .plain, isDirect: true), crashAt: nil).disk.image
        let head = image.removeValue(forKey: "/store/wal/HEAD")
        if getenv("III_WRITE_GOLDEN") != nil, let head {
            let folder = String(Self.head.dropLast("/HEAD".utf8.count))
            try PosixIO().createDirectory(folder)
            try PosixIO().replaceFile(Self.head, in: folder, with: head)
        }
        #expect(try PosixIO().readFile(Self.head, limit: 1 << 20) == head, "HEAD")
        if getenv("III_WRITE_GOLDEN") != nil { try write(image) }
        let names = try PosixIO().list(Self.written)
        #expect(names.count == image.count && image.count > 3)
        // A simulated snapshot's bytes are no format; `GoldenStoreTests` has LMDB's.
        for (path, bytes) in image where !path.hasSuffix("data.mdb") {
            let name = String(path[path.index(after: path.lastIndex(of: "/") ?? path.startIndex)...])
            #expect(try golden(Self.written + name) == bytes, "\(name)")
        }
    }

    @Test(arguments: ["v1/", "v2/"], [false, true])
    func theseBytesAreStillRead(version: String, withHead: Bool) throws {
        let disk = SimulatedDisk()
        if withHead { disk.overwrite("/store/wal/HEAD", try PosixIO().readFile(Self.head, limit: 1 << 20)) }
        for name in try PosixIO().list(Self.directory + version) {
            let folder = name == "FORMAT" ? "" : name == "data.mdb" ? "snapshot/" : "wal/"
            disk.overwrite("/store/" + folder + name, try golden(Self.directory + version + name))
        }
        let store = try SimulatedStore(disk)
        #expect(store.content == CrashTests.contents[CrashTests.transactions])
        #expect(store.log.recovery.condition == .clean && store.log.recovery.warnings.isEmpty)
    }

    private func write(_ image: [String: [UInt8]]) throws {
        try PosixIO().createDirectory(Self.written)
        for (path, bytes) in image {
            let name = String(path[path.index(after: path.lastIndex(of: "/") ?? path.startIndex)...])
            try PosixIO().replaceFile(Self.written + name, in: Self.written, with: bytes)
        }
    }
}
