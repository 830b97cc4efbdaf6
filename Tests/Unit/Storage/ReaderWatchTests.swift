import Glibc
import Synchronization
import Testing

@testable import Storage
@testable import StorageTesting

/// A stopped `export | less` held an old image until the disk was full, and nothing said so.
@Suite struct ReaderWatchTests {
    private typealias Reader = ReaderWatch.Reader

    private let first = ReaderWatch.Reader(process: 70, transaction: 5)
    private let second = ReaderWatch.Reader(process: 71, transaction: 9)
    private let long = ReaderWatch.pinnedNanoseconds

    @Test func aLongReadIsToldOnceAndItsEndToo() {
        var watch = ReaderWatch()
        #expect(watch.look([first], now: 0) { _ in 4096 } == [])
        #expect(watch.look([first, second], now: long - 1) { _ in 4096 } == [])
        let pins = ReaderWatch.Notice.pins(first, bytes: 4096, nanoseconds: long)
        #expect(watch.look([first, second], now: long) { _ in 4096 } == [pins])
        #expect(watch.look([first, second], now: long + 5) { _ in 4096 } == [])
        #expect(watch.look([second], now: long + 9) { _ in 4096 } == [.gone(first)])
        // Never told of: its end isn't either.
        #expect(watch.look([], now: long + 9) { _ in 4096 } == [])
    }

    @Test func manyPagesAreToldAtOnceAndNoneNever() {
        var watch = ReaderWatch()
        let bytes = ReaderWatch.pinnedBytes
        #expect(watch.look([first], now: 1) { _ in bytes - 1 } == [])
        #expect(watch.look([first], now: 2) { _ in bytes } == [.pins(first, bytes: bytes, nanoseconds: 1)])
        #expect(watch.look([second], now: 3) { _ in 0 } == [.gone(first)])
        #expect(watch.look([second], now: 3 + 10 * long) { _ in 0 } == [])
        // A tool that has let go of its image meanwhile is another reader.
        let next = Reader(process: second.process, transaction: 10)
        #expect(watch.look([next], now: 4 + 10 * long) { _ in 1 } == [])
    }

    @Test func theTextNamesProcessAndAmount() {
        let text = ReaderWatch.Notice.pins(first, bytes: 70 << 20, nanoseconds: 301_000_000_000).text
        #expect(text.contains("process 70 ") && text.contains("301 s") && text.contains("70 MiB"))
        #expect(ReaderWatch.Notice.gone(first).text.contains("process 70 "))
    }

    @Test func LMDBsTableIsRead() {
        let lines = "    pid     thread     txnid\n        70 7f2b4c0 5\n        71 7f2b4c0 -\n1234567890 0 9\nbroken\n"
        #expect(LMDBSnapshot.readers(lines) == [first, Reader(process: 1_234_567_890, transaction: 9)])
        #expect(LMDBSnapshot.readers("(no active readers)\n") == [])
    }

    /// A real process with a read transaction that it doesn't end.
    @Test func aReaderInAnotherProcessIsReported() async {
        await #expect(processExitsWith: .success) {
            let scratch = try ScratchDirectory()
            try ForeignReader.run(scratch.path)
        }
    }
}

private enum ForeignReader {
    private static let table = TableID(rawValue: 1)

    static func run(_ path: String) throws {
        let clock = SimulatedClock()
        let warnings = Mutex<[String]>([])
        var options = StorageOptions()
        options.checkpointIntervalNanoseconds = 0
        options.clock = clock.storageClock
        options.onWarning = { text in warnings.withLock { $0.append(text) } }
        let store = try SteppedStore(path, options: options)
        var round: UInt8 = 0
        func checkpoint() throws -> [String] {
            round += 1
            for key in 0..<100 {
                let value = Bytes(repeating: round, count: 500)
                _ = try store.log.commit { $0.put(table, key: [UInt8(key)], value: value) }
            }
            store.flush()
            store.log.beginCheckpoint()
            guard case .written = store.log.writeCheckpoint() else { exit(3) }
            store.log.tellWarnings()
            return warnings.withLock { texts in
                defer { texts = [] }
                return texts
            }
        }
        _ = try checkpoint()
        let child = try start(path, SnapshotOptions(options, store: store.log.writer.withLock { $0.log.store }))
        defer { kill(child, SIGKILL) }
        // The newest image, then an old one, but for a short time only.
        for _ in 0..<3 { #expect(try checkpoint() == []) }
        clock.advance(by: ReaderWatch.pinnedNanoseconds)
        let told = try checkpoint()
        #expect(told.count == 1 && told.first?.contains("process \(child) ") == true, "\(told)")
        #expect(try checkpoint() == [])
        kill(child, SIGKILL)
        var status: Int32 = 0
        waitpid(child, &status, 0)
        #expect(try checkpoint().first?.contains("process \(child) no longer") == true)
        try store.close()
    }

    /// Begins a read in a child of this process, which then waits for its end.
    private static func start(_ path: String, _ options: SnapshotOptions) throws -> pid_t {
        // Swift hides it, since a child has one thread only; this one needs no other.
        let fork = unsafeBitCast(try #require(dlsym(nil, "fork")), to: (@convention(c) () -> pid_t).self)
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let child = fork()
        guard child == 0 else {
            var byte: UInt8 = 0
            try #require(read(ends[0], &byte, 1) == 1 && byte == 1)
            return child
        }
        var own = options
        own.isReadOnly = true
        var byte: UInt8 = 2
        let snapshot = try? LMDBSnapshot(path: path + "/snapshot", options: own)
        if let snapshot, (try? snapshot.beginRead()) != nil { byte = 1 }
        write(ends[1], &byte, 1)
        while true {
            pause()
            extendLifetime(snapshot)
        }
    }
}
