import Glibc
import Testing

@testable import Storage

/// Files of every released format stay readable, and the writer still writes exactly these bytes (I11).
///
/// The files under `Golden/` hold the store of `CrashTests` after a clean shutdown. They are written once per format, by
/// running this suite with `III_WRITE_GOLDEN=1`, and never changed afterwards.
@Suite struct GoldenTests {
    static let directory = String(#filePath.dropLast("GoldenTests.swift".utf8.count)) + "Golden/v1/"

    private func golden(_ name: String) throws -> [UInt8] {
        try PosixIO().readFile(Self.directory + name, limit: 1 << 20)
    }

    @Test func theWriterStillWritesTheseBytes() throws {
        let image = CrashTests.run(CrashScenario(kind: .plain, isDirect: true), crashAt: nil).disk.image
        if getenv("III_WRITE_GOLDEN") != nil { try write(image) }
        let names = try PosixIO().list(Self.directory)
        #expect(names.count == image.count && image.count > 3)
        for (path, bytes) in image {
            let name = String(path[path.index(after: path.lastIndex(of: "/") ?? path.startIndex)...])
            #expect(try golden(name) == bytes, "\(name)")
        }
    }

    @Test func theseBytesAreStillRead() throws {
        let disk = SimulatedDisk()
        for name in try PosixIO().list(Self.directory) {
            let folder = name == "FORMAT" ? "" : name == "data.mdb" ? "snapshot/" : "wal/"
            disk.overwrite("/store/" + folder + name, try golden(name))
        }
        let store = try SimulatedStore(disk)
        #expect(store.content == CrashTests.contents[CrashTests.transactions])
        #expect(store.log.recovery.condition == .clean && store.log.recovery.warnings.isEmpty)
    }

    private func write(_ image: [String: [UInt8]]) throws {
        try PosixIO().createDirectory(Self.directory)
        for (path, bytes) in image {
            let name = String(path[path.index(after: path.lastIndex(of: "/") ?? path.startIndex)...])
            try PosixIO().replaceFile(Self.directory + name, in: Self.directory, with: bytes)
        }
    }
}
