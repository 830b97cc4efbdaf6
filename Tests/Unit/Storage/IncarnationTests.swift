import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// A position is a store, its incarnation and an LSN. Before, a restored or cut store gave the LSNs of what it had
/// forgotten to other records, under the same id: a subscriber went on in another history without a word.
@Suite struct IncarnationTests {
    private let table = TableID(rawValue: 1)

    private func put(_ store: Store, _ numbers: ClosedRange<Int>) throws {
        for number in numbers {
            try store.commit { $0.put(table, key: Bytes("\(number)".utf8), value: [UInt8(number)]) }.wait()
        }
    }

    private func prefix(_ path: String, _ options: StorageOptions = .init()) throws -> String {
        let store = try Store.open(path: path, options: options)
        defer { try? store.close() }
        return store.recovery.positionPrefix
    }

    @Test func aRestoredStoreGivesOtherPositions() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path
        let store = try Store.open(path: path + "/store")
        try put(store, 1...1)
        _ = try store.backup(to: path + "/backup")
        try put(store, 2...2)
        let (id, prefix) = (store.recovery.storeID, store.recovery.positionPrefix)
        #expect(prefix == id, "positions given out by earlier versions stay valid")
        try store.close()
        #expect(try self.prefix(path + "/store") == prefix, "until a restore or cut")
        var prefixes: Set = [prefix]
        for (number, position) in [RestorePosition.everything, .through(LSN(rawValue: 1)), .everything].enumerated() {
            // The last one is a restored store's backup.
            let backup = number < 2 ? path + "/backup" : path + "/again"
            let target = path + "/restored-\(number)"
            _ = try StoreRestore.run(backup: backup, target: target, position: position)
            let restored = try Store.open(path: target)
            #expect(restored.recovery.storeID == id && restored.recovery.incarnation != 0)
            let prefix = restored.recovery.positionPrefix
            #expect(prefix == "\(id).\(hexadecimal(restored.recovery.incarnation))" && prefix.utf8.count == 49)
            #expect(prefixes.insert(prefix).inserted)
            try put(restored, 3...4)
            if number == 1 { _ = try restored.backup(to: path + "/again") }
            try restored.close()
            #expect(try self.prefix(target) == prefix)
        }
    }

    /// The new incarnation is durable before anything is cut: 1 stays, 2 and 3 go away and their LSNs are given again.
    @Test func aCutStoreGivesOtherPositions() throws {
        let scratch = try ScratchDirectory()
        let (path, live) = (scratch.path + "/store", scratch.path + "/live")
        var options = StorageOptions()
        options.checkpointIntervalNanoseconds = 0
        options.sealAfterIdleNanoseconds = 0
        options.lingerNanoseconds = 0
        let store = try Store.open(path: live, options: options)
        try put(store, 1...3)
        let prefix = store.recovery.positionPrefix
        _ = try StoreFilesCopy(source: live, target: path).run { _ in }
        try store.close()
        let file = try PosixIO().open(LogDirectory(root: path).segment(.first), .update)
        _ = try withUnsafeBytes(of: UInt8(0xFF)) { try PosixIO().pwrite(file, $0, at: 2 * 4096 + 90) }
        PosixIO().close(file)
        let plan = try #require(try StoreCut.plan(path))
        #expect(throws: (any Error).self) {
            try StoreCut.run(path, segment: 7, offset: 0, copyTo: scratch.path + "/copy", note: "", options: options)
        }
        let format = FormatFile(io: PosixIO(), directory: LogDirectory(root: path))
        #expect(try format.read()?.incarnation == 0, "nothing was cut")
        _ = try StoreCut.run(
            path,
            segment: plan.segment,
            offset: plan.offset,
            copyTo: scratch.path + "/copy",
            note: "cut",
            options: options
        )
        #expect(try format.read()?.incarnation != 0)
        #expect(try self.prefix(path, options).hasPrefix(prefix + "."))
        #expect(
            try FormatFile(io: PosixIO(), directory: LogDirectory(root: scratch.path + "/copy")).read()?.incarnation
                == 0,
            "the copy is what was there"
        )
    }

    /// It keeps the id, but what it lost may come again under the same LSN. An import makes a store of its own.
    @Test func aSalvagedStoreGivesOtherPositions() throws {
        let scratch = try ScratchDirectory()
        let store = try Store.open(path: scratch.path + "/store")
        try put(store, 1...3)
        let prefix = store.recovery.positionPrefix
        try store.close()
        _ = try StoreSalvage.run(from: scratch.path + "/store", to: scratch.path + "/saved")
        #expect(try self.prefix(scratch.path + "/saved").hasPrefix(prefix + "."))
        let builder = try StoreBuilder(target: scratch.path + "/imported")
        _ = try builder.finish(.init(lsn: LSN(rawValue: 3)))
        #expect(try !self.prefix(scratch.path + "/imported").contains("."))
    }

    /// The file's bytes: what it says, or with which row of the recovery table it is refused.
    private static let id = "0123456789abcdef0123456789abcdef"
    private static let files: [(text: String, incarnation: UInt64?, row: RecoveryRow?)] = [
        ("iii-storage 1\n\(id)\n", 0, nil),
        ("iii-storage 1\n\(id)\nincarnation 00000000000000ff\n", 255, nil),
        ("iii-storage 1\n\(id)\nincarnation 0000000000000000\n", nil, .r14),
        ("iii-storage 1\n\(id)\nincarnation ff\n", nil, .r14),
        ("iii-storage 1\n\(id)\nsomething new\n", nil, .r14),
        ("iii-storage 1\n\(id)\nincarnation 00000000000000ff\nincarnation 00000000000000ff\n", nil, .r14),
        ("iii-storage 1\n\(id)\nincarnation 00000000000000ff", nil, .r13),
        ("iii-storage 1\n\(id)", nil, .r13), ("iii-storage 2\n\(id)\n", nil, .r14), ("", nil, .r13),
    ]

    @Test(arguments: files.indices)
    func formatFile(index: Int) throws {
        let (text, incarnation, row) = Self.files[index]
        let scratch = try ScratchDirectory()
        let file = FormatFile(io: PosixIO(), directory: LogDirectory(root: scratch.path))
        try PosixIO().replaceFile(scratch.path + "/FORMAT", in: scratch.path, with: Bytes(text.utf8))
        do {
            let format = try #require(try file.read())
            #expect(format.store.text == Self.id && format.incarnation == incarnation, "\(text)")
            try file.write(format)
            #expect(try PosixIO().readFile(scratch.path + "/FORMAT", limit: 256) == Bytes(text.utf8))
        } catch let error as StorageError {
            #expect(error.row == row && incarnation == nil, "\(text): \(error)")
        }
    }
}
