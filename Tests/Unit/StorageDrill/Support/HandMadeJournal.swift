import CRecorder
import Glibc

@testable import StorageDrill

/// A journal written by hand: what a recorder would have written for the calls named here.
struct HandMadeJournal {
    private(set) var bytes: [UInt8] = []
    private(set) var count = 0

    init() {
        beginProcess()
    }

    @discardableResult
    mutating func add(
        _ kind: JournalEntry.Kind,
        _ flags: JournalEntry.Flags = [],
        node: UInt64 = 0,
        value: UInt64 = 0,
        length: UInt64 = 0,
        result: Int64 = 0,
        mode: UInt64 = 0,
        path: String = "",
        target: String = "",
        data: [UInt8] = []
    ) -> Int {
        var header = iii_record_header()
        header.magic = UInt32(iii_record_magic)
        header.kind = kind.rawValue
        header.flags = flags.rawValue
        header.sequence = UInt64(count + 1)
        (header.node, header.value, header.length) = (node, value, length)
        (header.result, header.mode) = (result, mode)
        header.path_bytes = UInt32(path.utf8.count)
        header.target_bytes = UInt32(target.utf8.count)
        header.data_bytes = UInt64(data.count)
        withUnsafeBytes(of: header) { bytes += $0 }
        bytes += Array(path.utf8) + Array(target.utf8) + data
        bytes += [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8)
        count += 1
        return count - 1
    }

    mutating func beginProcess() {
        add(.begin, value: 1, path: "/root")
    }

    mutating func create(_ path: String, node: UInt64) {
        add(.open, .created, node: node, path: path)
    }

    mutating func open(_ path: String, node: UInt64, _ flags: JournalEntry.Flags = []) {
        add(.open, flags, node: node, path: path)
    }

    @discardableResult
    mutating func write(_ node: UInt64, at offset: UInt64 = 0, _ data: [UInt8], _ flags: JournalEntry.Flags = []) -> Int
    {
        add(.write, flags, node: node, value: offset, length: UInt64(data.count), data: data)
    }

    /// Begins a write that is durable when it returns.
    mutating func beginDurableWrite(_ node: UInt64, at offset: UInt64 = 0, _ data: [UInt8]) -> Int {
        write(node, at: offset, data, .inProgress)
    }

    /// `begin`: the entry's index.
    mutating func endWrite(_ begin: Int, result: Int) {
        add(.writeEnd, value: UInt64(begin + 1), result: Int64(result))
    }

    mutating func writeDurably(_ node: UInt64, at offset: UInt64 = 0, _ data: [UInt8]) {
        let begin = beginDurableWrite(node, at: offset, data)
        endWrite(begin, result: data.count)
    }

    mutating func beginSync(_ node: UInt64) -> Int {
        add(.syncBegin, node: node)
    }

    mutating func endSync(_ begin: Int, result: Int64 = 0) {
        add(.syncEnd, value: UInt64(begin + 1), result: result)
    }

    mutating func sync(_ node: UInt64) {
        let begin = beginSync(node)
        endSync(begin)
    }

    /// Opens a directory and syncs it.
    mutating func syncDirectory(_ path: String, node: UInt64 = 999) {
        open(path, node: node, .directory)
        sync(node)
    }

    func journal(in directory: TemporaryDirectory, cutting: Int = 0) throws -> Journal {
        let path = directory.path + "/journal"
        try TemporaryDirectory.write(Array(bytes.dropLast(cutting)), to: path)
        return try Journal(path: path)
    }

    /// What is found when the power fails at an entry; nil: after the last.
    func image(_ loss: Loss, at position: Int? = nil, base: String? = nil) throws -> [String: [UInt8]?] {
        let directory = try TemporaryDirectory()
        let image = try PowerCutImage(journal: try journal(in: directory), base: base)
        try image.advance(to: position ?? count)
        let target = directory.path + "/image"
        try image.build(loss, into: target)
        return try TemporaryDirectory.contents(target)
    }
}
