import Glibc
import Synchronization
import Testing

@testable import Storage
@testable import StorageTesting

/// The end of a store beside everything that somebody may do meanwhile, and after it. A read after `close`, a backup beside
/// `close` and the map's growth beside a backup ended the process with SIGSEGV.
@Suite struct CloseTests {
    private let table = TableID(rawValue: 1)

    private var options: StorageOptions {
        var options = StorageOptions()
        options.initialSegmentBytes = 16 * LogLimits.blockBytes
        options.checkpointIntervalNanoseconds = 0
        options.snapshotMapBytes = LogLimits.mebibyte
        return options
    }

    private func key(_ number: Int) -> Bytes { [UInt8(number >> 8), UInt8(number & 255)] }

    private func fill<IO>(_ log: LogStore<IO>, _ numbers: Range<Int>, bytes: Int = 100) throws {
        for number in numbers {
            // Nothing that LZ4 packs.
            var generator = SeededGenerator(seed: UInt64(number))
            let value = generator.bytes(bytes)
            _ = try log.commit { $0.put(table, key: key(number), value: value) }
        }
        while case .wrote = log.writeStep() {}
    }

    private func code(_ body: () throws -> Void) -> StorageError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? StorageError)?.code
        }
    }

    @Test func everythingAnswersAfterClose() throws {
        let scratch = try ScratchDirectory()
        let store = try Store.open(path: scratch.path + "/store", options: options)
        let pending = try store.commit { $0.put(table, key: [1], value: [7]) }
        try pending.wait()
        try store.checkpoint()
        try store.close()
        let read = store.read { view in
            view.scan(table, from: nil, upTo: nil) { _, _ in true }
            return view.get(table, key: [1])
        }
        #expect(code { try read.wait() } == .closed)
        let told = Counter()
        read.whenDurable { if case .failure(let error) = $0, error.code == .closed { told.add() } }
        pending.whenDurable { if case .success = $0 { told.add() } }
        store.whenUnsaturated { told.add() }
        store.waitUntilUnsaturated()
        #expect(told.value == 3)
        #expect(code { _ = try store.commit { $0.put(table, key: [1], value: [8]) } } == .closed)
        #expect(code { try store.checkpoint() } == .closed)
        #expect(code { _ = try store.backup(to: scratch.path + "/backup") } == .closed)
        #expect(access(scratch.path + "/backup.partial", F_OK) != 0)
        #expect(store.metrics.lastLSN == LSN(rawValue: 1) && store.durableLSN == LSN(rawValue: 1))
        #expect(!store.isSaturated && !store.isLowSpace)
        try store.close()
    }

    /// The checkpoint that must enlarge the map is told why it waits, nothing counts as a full disk, and it goes on when the
    /// copy has ended. The copy is the image of the checkpoint before.
    @Test func theMapDoesNotMoveUnderACopy() throws {
        let scratch = try ScratchDirectory()
        let store = try SteppedStore(scratch.path + "/store", options: options)
        let snapshot = try #require(store.log.snapshot as? LMDBSnapshot)
        try fill(store.log, 0..<300)
        #expect(store.log.beginCheckpoint())
        guard case .written = store.log.writeCheckpoint() else { throw StorageError(.damaged, "no checkpoint") }
        let copy = scratch.path + "/copy"
        mkdir(copy, 0o700)
        var rows = 0
        try snapshot.copy(to: copy) {
            rows += 1
            guard rows == 100 else { return false }
            #expect(throws: Never.self) { try fill(store.log, 300..<600, bytes: 4000) }
            #expect(store.log.beginCheckpoint())
            for _ in 0..<2 {
                let outcome = store.log.writeCheckpoint()
                guard case .failed(let error) = outcome else {
                    Issue.record("the map moved: \(outcome)")
                    return false
                }
                #expect(error.code == .overloaded && error.isRetryable, "\(error)")
                #expect(!store.log.metrics.isLowSpace)
                #expect(store.log.beginCheckpoint())
            }
            let late = #expect(throws: StorageError.self) { try snapshot.copy(to: copy) }
            #expect(late?.code == .overloaded, "else a row of copies keeps it from growing")
            return false
        }
        #expect(rows == 301)
        guard case .written(let row) = store.log.writeCheckpoint() else { throw StorageError(.damaged, "not retried") }
        #expect(row.rows == 600)
        try store.close()
        let copied = try LMDBSnapshot(path: copy, options: SnapshotOptions(options, store: row.store))
        defer { copied.close() }
        let audit = try copied.audit()
        #expect(audit.counts == [1: 300] && copied.row?.rows == 300)
        #expect(audit.digest == copied.row?.digest && audit.damaged.isEmpty)
    }

    /// The copy keeps the environment until it ends.
    @Test func aSnapshotClosedUnderACopy() throws {
        let scratch = try ScratchDirectory()
        let store = try SteppedStore(scratch.path + "/store", options: options)
        let snapshot = try #require(store.log.snapshot as? LMDBSnapshot)
        try fill(store.log, 0..<300)
        let copy = scratch.path + "/copy"
        mkdir(copy, 0o700)
        #expect(store.log.beginCheckpoint())
        guard case .written = store.log.writeCheckpoint() else { throw StorageError(.damaged, "no checkpoint") }
        var rows = 0
        try snapshot.copy(to: copy) {
            rows += 1
            if rows == 100 { #expect(throws: Never.self) { try store.close() } }
            return false
        }
        #expect(rows == 301 && snapshot.life.withLock { $0.phase } == .closed)
        #expect(code { try snapshot.copy(to: copy) } == .closed)
        #expect(code { _ = try snapshot.cursor(table, from: nil, upTo: nil, reversed: false) } == .closed)
    }

    /// Five seconds for a backup that is nearly done, one more for it to look up; then it is left behind: it never gets its
    /// name, and who waits for its end is told at its end.
    @Test func closingWaitsForABackupAndCancelsIt() throws {
        let scratch = try ScratchDirectory()
        let store = try SteppedStore(scratch.path + "/store", options: options)
        try fill(store.log, 0..<10)
        let clock = SimulatedClock()
        var waits: [UInt64] = []
        let told = Counter()
        let error = code {
            _ = try store.log.backup(to: scratch.path + "/backup") { _ in
                guard waits.isEmpty else { return }
                store.log.backups.close(clock.storageClock) { nanoseconds in
                    waits.append((nanoseconds + 500_000_000) / 1_000_000_000)
                    #expect(store.log.backups.isCancelled == (waits.count > 1))
                    clock.advance(by: nanoseconds)
                }
                store.log.backups.whenOver { told.add() }
                #expect(told.value == 0)
            }
        }
        #expect(error == .closed && waits == [5, 1] && told.value == 1)
        #expect(access(scratch.path + "/backup", F_OK) != 0)
        store.log.backups.whenOver { told.add() }
        #expect(told.value == 2)
        #expect(code { _ = try store.log.backup(to: scratch.path + "/late") { _ in } } == .closed)
        try store.close()
    }

    @Test func backupClaims() {
        var claims = BackupClaims()
        let begun = [claims.begin(), claims.begin()]
        #expect(begun == [true, true])
        #expect(claims.close(now: 7) == .wait(nanoseconds: BackupClaims.closeNanoseconds))
        let late = claims.begin()
        #expect(!late)
        claims.end()
        #expect(claims.close(now: 8) == .wait(nanoseconds: BackupClaims.closeNanoseconds - 1))
        claims.end()
        #expect(claims.close(now: 9) == .go && !claims.isCancelled)
    }

    /// A callback may close the store, also while another thread does.
    @Test func closingWithinACallback() throws {
        let scratch = try ScratchDirectory()
        for _ in 0..<20 {
            let store = try Store.open(path: scratch.path + "/store", options: options)
            let answered = Counter()
            for number in 0..<3 {
                try store.commit { $0.put(table, key: [UInt8(number)], value: [1]) }.whenDurable { _ in
                    // Done, or refused because this callback is what closing waits for.
                    let code = self.code { try store.close() }
                    if code == nil || code == .closed { answered.add() }
                }
            }
            let other = try WorkerThread(name: "other") { try? store.close() }
            try? store.close()
            other.join()
            // If a callback did it, closing is over before those behind it have run.
            for _ in 0..<1000 where answered.value < 3 { usleep(10_000) }
            #expect(answered.value == 3)
        }
    }

    /// Everything at once, from several threads, with a store that closes in the midst.
    @Test func anyOrderFromAnyThread() throws {
        let scratch = try ScratchDirectory()
        for round in 0..<8 {
            let path = scratch.path + "/\(round)"
            let store = try Store.open(path: path + "-store", options: options)
            for number in 0..<200 {
                _ = try store.commit { $0.put(table, key: key(number), value: Bytes(repeating: 1, count: 2000)) }
            }
            let answers = Counter()
            let asked = Counter()
            let isOver = StopFlag()
            let threads = try (0..<4).map { thread in
                try WorkerThread(name: "client \(thread)") {
                    var generator = SeededGenerator(seed: UInt64(round * 4 + thread))
                    while !isOver.isSet {
                        asked.add()
                        self.act(store, path, &generator) { answers.add() }
                    }
                }
            }
            usleep(UInt32(round) * 3000)
            try store.close()
            isOver.set()
            for thread in threads { thread.join() }
            #expect(asked.value == answers.value, "each call is answered once")
            let again = try Store.open(path: path + "-store", options: options)
            #expect(again.recovery.condition == .clean)
            try again.close()
        }
    }

    private func act(
        _ store: Store,
        _ path: String,
        _ generator: inout SeededGenerator,
        _ answered: @escaping @Sendable () -> Void
    ) {
        let number = Int.random(in: 0..<1000, using: &generator)
        switch Int.random(in: 0..<12, using: &generator) {
        case 0..<4:
            do {
                try store.commit { $0.put(table, key: key(number), value: Bytes(repeating: 2, count: 500)) }
                    .whenDurable { _ in answered() }
            } catch {
                answered()
            }
        case 4..<8: store.read { view in view.get(table, key: key(number))?.count }.whenDurable { _ in answered() }
        case 8:
            try? store.checkpoint()
            answered()
        case 9:
            _ = try? store.backup(to: path + "-backup-\(generator.next())")
            answered()
        case 10: store.whenUnsaturated(answered)
        default:
            _ = (store.metrics, store.durableLSN, store.isSaturated, store.isLowSpace)
            answered()
        }
    }
}
