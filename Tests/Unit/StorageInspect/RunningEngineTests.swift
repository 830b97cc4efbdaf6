import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// The tool in a process of its own beside an engine that goes on: what it reads, and what it keeps from being freed.
@Suite(.serialized) struct RunningEngineTests {
    private static let table = TableID(rawValue: 1)
    private static let rows = 200
    private static let rowBytes = 16 << 10

    private static func open(_ scratch: Scratch) throws -> Store {
        var options = StorageOptions()
        options.checkpointIntervalNanoseconds = 0
        return try Store.open(path: scratch.path, options: options)
    }

    /// Sets every row to other bytes, which no compression makes smaller.
    private static func rewrite(_ store: Store, seed: UInt64) throws {
        var random = SplitMix(state: seed)
        for number in 0..<rows {
            let words = (0..<(rowBytes / 8)).map { _ in random.next() }
            let value = words.withUnsafeBytes { Bytes($0) }
            _ = try store.commit { $0.put(table, key: Bytes("key \(number)".utf8), value: value) }
        }
        try store.checkpoint()
    }

    private static func start(_ words: String) throws -> UnsafeMutablePointer<FILE> {
        try #require(popen("exec \(Executable.path) \(words)", "r"))
    }

    private static func readAll(_ pipe: UnsafeMutablePointer<FILE>) -> (text: String, status: Int32) {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, pipe)
            if count == 0 { break }
            output += buffer[..<count]
        }
        return (String(decoding: output, as: UTF8.self), (pclose(pipe) >> 8) & 0xFF)
    }

    /// `export | less`, and the reader stops after the first screen: the read kept all pages that it had begun with, so
    /// each checkpoint took new ones and the disk ran full.
    @Test(arguments: ["export", "snapshot --rows --json"])
    func aReaderThatStopsKeepsNothing(command: String) throws {
        let scratch = try Scratch()
        let store = try Self.open(scratch)
        for seed in 0..<3 { try Self.rewrite(store, seed: UInt64(seed)) }
        let before = store.metrics.snapshot.fileBytes
        let pipe = try Self.start("\(command) \(scratch.path) 2>/dev/null")
        var first: UInt8 = 0
        #expect(fread(&first, 1, 1, pipe) == 1)
        for seed in 3..<11 { try Self.rewrite(store, seed: UInt64(seed)) }
        let after = store.metrics.snapshot.fileBytes
        #expect(after < before + before / 2, "\(before) bytes before, \(after) after")
        let (text, status) = Self.readAll(pipe)
        #expect(status == 0 && text.utf8.count > Self.rows * Self.rowBytes)
        try store.close()
    }

    /// What is read behind a checkpoint may be newer: the last line and a warning say so, `--consistent` refuses.
    @Test(arguments: [false, true])
    func anExportSaysThatTheStoreChanged(consistent: Bool) throws {
        let (scratch, home) = (try Scratch(), try Scratch())
        let store = try Self.open(scratch)
        try Self.rewrite(store, seed: 1)
        let option = consistent ? "--consistent" : ""
        let pipe = try Self.start("export \(option) \(scratch.path) 2>\(home.path)/errors")
        var first: UInt8 = 0
        #expect(fread(&first, 1, 1, pipe) == 1)
        try Self.rewrite(store, seed: 2)
        let (text, status) = Self.readAll(pipe)
        let lines = text.split(separator: "\n")
        let errors = String(decoding: try PosixIO().readFile(home.path + "/errors", limit: 1 << 16), as: UTF8.self)
        #expect(errors.contains("the store changed while it was read: rows are from LSN 200 to 400"), "\(errors)")
        let trailer = lines.last { $0.contains("trailer") } ?? ""
        #expect(status == (consistent ? 1 : 0) && trailer.isEmpty == consistent)
        #expect(consistent || trailer.contains("\"rows\":200") && trailer.contains("\"throughLSN\":400"))
        #expect(consistent || trailer.hasSuffix("\"fromLSN\":200}"), "\(trailer)")
        try store.close()
    }

    /// A checkpoint within what the log had at the beginning changes nothing: the rows are of that moment still.
    @Test func anExportIsOfOneMomentAsLongAsCheckpointsDoNotOvertakeIt() throws {
        let scratch = try Scratch()
        let store = try Self.open(scratch)
        try Self.rewrite(store, seed: 1)
        try store.commit { transaction in
            transaction.put(Self.table, key: Bytes("key 1".utf8), value: [1])
            transaction.delete(Self.table, key: Bytes("key 99".utf8))
            transaction.put(Self.table, key: Bytes("zzz".utf8), value: [2])
        }.wait()
        let pipe = try Self.start("export --consistent \(scratch.path) 2>/dev/null")
        var first: UInt8 = 0
        #expect(fread(&first, 1, 1, pipe) == 1)
        try store.checkpoint()
        try store.commit { $0.put(Self.table, key: Bytes("zzz".utf8), value: [3]) }.wait()
        let (text, status) = Self.readAll(pipe)
        #expect(status == 0 && text.contains("\"rows\":200") && text.contains("\"throughLSN\":203"))
        #expect(!text.contains("key 99") && text.contains("\"value\":\"\\u0002\""))
        try store.close()
    }

    /// `verify --deep` compares a digest over all rows with the checkpoint's: over rows of two checkpoints it matches
    /// neither, and that was called damage.
    @Test func aBusyEngineIsNeverCalledDamaged() async throws {
        let scratch = try Scratch()
        let store = try Self.open(scratch)
        for number in 0..<20_000 {
            _ = try store.commit { $0.put(Self.table, key: Bytes("row \(number)".utf8), value: [1]) }
        }
        try store.checkpoint()
        let stop = StopSignal()
        let writing = Task {
            var count = 0
            while !stop.isSet {
                count += 1
                let number = count * 7919 % 20_000
                try await store.commit { $0.put(Self.table, key: Bytes("row \(number)".utf8), value: [2]) }.durable()
                try store.checkpoint()
            }
            return count
        }
        var statuses: [ProcessStatus] = []
        for _ in 0..<3 {
            let run = Run("verify", scratch.path, "--deep")
            statuses.append(run.status)
            #expect([.sound, .no].contains(run.status), "\(run.text)")
            #expect(run.status == .sound || run.text.contains("not checked"), "\(run.text)")
        }
        stop.set()
        let checkpoints = try await writing.value
        print("\(checkpoints) checkpoints beside \(statuses)")
        try store.close()
        #expect(Run("verify", scratch.path, "--deep").status == .sound)
    }
}

/// The same numbers for the same seed.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
