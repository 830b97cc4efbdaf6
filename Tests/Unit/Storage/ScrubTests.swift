import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// The background pass over the snapshot: what it finds, that it is exact beside checkpoints, and when it reads.
@Suite struct ScrubTests {
    private let table = TableID(rawValue: 1)
    private var options: StorageOptions {
        var options = StorageOptions()
        options.checkpointIntervalNanoseconds = 0
        options.useDirectIO = .off
        return options
    }

    private func key(_ number: Int) -> Bytes { [UInt8(number >> 8), UInt8(number & 255)] }

    /// Doesn't compress.
    private func noise(_ count: Int, _ random: inout SeededGenerator) -> Bytes {
        (0..<count / 8).flatMap { _ in withUnsafeBytes(of: random.next()) { Bytes($0) } }
    }

    private func scrub(_ store: SteppedStore) throws -> SnapshotScrub { try #require(store.log.snapshot.scrub) }

    /// Reads until the end of a pass, or damage.
    private func pass(_ store: SteppedStore, _ between: () throws -> Void = {}) throws -> SnapshotScrub.Outcome {
        while true {
            let outcome = try scrub(store).read({ store.log.snapshot.row }, now: 1)
            guard case .read = outcome else { return outcome }
            try between()
        }
    }

    private func checkpoint(_ store: SteppedStore) {
        store.flush()
        store.log.beginCheckpoint()
        _ = store.log.writeCheckpoint()
    }

    /// A page of the snapshot that the device reported as written and never wrote: stale rows with sound checksums were
    /// shown as current, for ever.
    @Test func aLostPageWriteIsFound() throws {
        let scratch = try ScratchDirectory(in: "/dev/shm")
        let path = scratch.path + "/store"
        let data = path + "/snapshot/data.mdb"
        func round(_ number: Int) throws {
            let store = try SteppedStore(path, options: options)
            for key in number == 1 ? 0..<2000 : 1000..<1010 {
                let key = key
                _ = try store.log.commit { $0.put(table, key: self.key(key), value: Bytes("round \(number)".utf8)) }
            }
            store.flush()
            try store.close()
        }
        for number in 1...6 { try round(number) }
        let before = try PosixIO().readFile(data, limit: 1 << 20)
        try round(7)
        let after = try PosixIO().readFile(data, limit: 1 << 20)
        let sound = try SteppedStore(path, options: options)
        guard case .finished = try pass(sound) else { return #expect(Bool(false), "a sound store") }
        sound.log.snapshot.close()
        sound.log.writer.withLock { $0.log.closeFile() }
        var found = 0
        for page in 2..<(after.count / LogLimits.blockBytes) {
            let range = page * LogLimits.blockBytes..<(page + 1) * LogLimits.blockBytes
            guard range.upperBound <= before.count, after[range] != before[range] else { continue }
            var lost = after
            lost.replaceSubrange(range, with: before[range])
            let io = PosixIO()
            let file = try io.open(data, .update)
            try lost.withUnsafeBytes { try io.writeAll(file, $0, at: 0) }
            io.close(file)
            do {
                let store = try SteppedStore(path, options: options)
                let outcome = Outcome<Bytes?>()
                store.log.read { $0.get(table, key: key(1002)) }.whenDurable { outcome.set($0) }
                let isRight = (try? outcome.value?.get()) == Bytes("round 7".utf8)
                let result = try pass(store)
                if case .damaged(let error) = result {
                    #expect(error.row == .r17)
                    found += 1
                } else {
                    #expect(isRight, "page \(page): \(result)")
                }
                store.log.snapshot.close()
                store.log.writer.withLock { $0.log.closeFile() }
            } catch {
                // R10: the page of the checkpoint row itself, which now names an older place in the log.
                #expect([.r17, .r10].contains((error as? StorageError)?.row), "page \(page): \(error)")
            }
        }
        #expect(found > 0)
    }

    /// A page that two others lead to would be written over by the next commits. While one image is read, its pages are
    /// counted, and each may occur once.
    @Test func pagesAreCounted() throws {
        let scratch = try ScratchDirectory(in: "/dev/shm")
        let store = try SteppedStore(scratch.path, options: options)
        for number in 0..<2000 {
            let value = Bytes(repeating: 7, count: number % 100 == 0 ? 9000 : 100)
            _ = try store.log.commit { $0.put(table, key: key(number), value: value) }
        }
        checkpoint(store)
        guard case .finished = try pass(store) else { return #expect(Bool(false), "a sound store") }
        let data = scratch.path + "/snapshot/data.mdb"
        let file = try #require(try LMDBFile(data))
        let meta = try file.meta()
        var walk = LMDBTreeWalk(file, meta.rows, lastPage: meta.lastPage, order: .bytes)
        let leaf = try #require(try walk.first())
        var pages = try ScrubPages(file, meta)
        try pages.take(leaf: leaf)
        #expect(throws: StorageError.self) { try pages.take(leaf: leaf) }
        #expect(throws: StorageError.self) { try pages.take(overflow: (leaf.number, 1)) }
        #expect(throws: StorageError.self) { try pages.requireCounts(of: meta.rows) }
        // One leaf page fewer by the meta pages.
        let io = PosixIO()
        let opened = try io.open(data, .update)
        for page in 0..<2 {
            var count = meta.rows.leafPages - 1
            try withUnsafeBytes(of: &count) { try io.writeAll(opened, $0, at: UInt64(page * 4096 + 104)) }
        }
        io.close(opened)
        guard case .damaged(let error) = try pass(store) else { return #expect(Bool(false), "not found") }
        #expect(error.row == .r17 && error.message.contains("leaf"), "\(error)")
        store.log.snapshot.close()
        store.log.writer.withLock { $0.log.closeFile() }
    }

    /// No thread, no note: offline writers leave nothing that no sync covers.
    @Test func withoutAPassNothingIsNoted() throws {
        let scratch = try ScratchDirectory(in: "/dev/shm")
        let store = try SteppedStore(scratch.path, options: options)
        _ = try store.log.commit { $0.put(table, key: key(1), value: [1]) }
        try store.close()
        #expect(access(scratch.path + "/snapshot/SCRUB", F_OK) != 0)
    }

    /// A store with threads: due at its first look, it is read through beside clients, and a restart reads nothing again.
    @Test func anOpenStoreIsReadThroughOnce() throws {
        let scratch = try ScratchDirectory(in: "/dev/shm")
        var options = options
        options.scrubIntervalNanoseconds = 10_000_000
        let id = try #require(try writeAndScrub(scratch.path, options))
        let bytes = try PosixIO().readFile(scratch.path + "/snapshot/SCRUB", limit: 4096)
        let progress = try #require(ScrubProgress.read(bytes, store: id))
        #expect(progress.sums == nil && progress.scrubbedGeneration == progress.generation, "\(progress)")
        let schedule = ScrubSchedule(intervalNanoseconds: 10_000_000)
        let next = schedule.next(progress, generation: progress.generation, isBusy: false, now: .max)
        #expect(next == .sleep(nanoseconds: 10_000_000))
    }

    private func writeAndScrub(_ path: String, _ options: StorageOptions) throws -> StoreID? {
        let store = try Store.open(path: path, options: options)
        try store.commit { $0.put(table, key: key(1), value: [1]) }.wait()
        try store.checkpoint()
        let id = try FormatFile(io: PosixIO(), directory: LogDirectory(root: path)).read()?.store
        let file = path + "/snapshot/SCRUB"
        // A guard against hanging; nothing depends on the time.
        for _ in 0..<3000 {
            let bytes = (try? PosixIO().readFile(file, limit: 4096)) ?? []
            let progress = id.flatMap { ScrubProgress.read(bytes, store: $0) }
            if progress.map({ $0.scrubbedGeneration > 0 }) == true { break }
            usleep(10_000)
        }
        try store.close()
        return id
    }

    /// The sums stay exact while checkpoints change rows before, at and behind the pass's place.
    @Test(arguments: 1...6)
    func checkpointsBesideAPass(seed: UInt64) throws {
        let scratch = try ScratchDirectory(in: "/dev/shm")
        var random = SeededGenerator(seed: seed)
        let store = try SteppedStore(scratch.path, options: options)
        func change(_ count: Int) throws {
            for _ in 0..<count {
                let number = Int.random(in: 0..<3000, using: &random)
                let size = Int.random(in: 0..<100, using: &random) == 0 ? 20_000 : 600
                let value = noise(size, &random)
                let kind = Int.random(in: 0..<10, using: &random)
                _ = try store.log.commit { transaction in
                    switch kind {
                    case 0: transaction.delete(table, key: key(number))
                    case 1: transaction.trim(table, from: key(number), upTo: key(number + 5))
                    default: transaction.put(table, key: key(number), value: value)
                    }
                }
            }
            checkpoint(store)
        }
        try change(4000)
        var pieces = 0
        let outcome = try pass(store) {
            pieces += 1
            if pieces % 2 == 0 { try change(100) }
        }
        guard case .finished = outcome else { return #expect(Bool(false), "seed \(seed): \(outcome)") }
        #expect(pieces > 3, "seed \(seed)")
        #expect(try scrub(store).progress.scrubbedGeneration == store.log.snapshot.row?.generation)
        try store.close()
    }

    /// A pass goes on in the next process where it was, unless a checkpoint came that it doesn't know of.
    @Test(arguments: [true, false])
    func aPassGoesOnAfterARestart(clean: Bool) throws {
        let scratch = try ScratchDirectory(in: "/dev/shm")
        let first = try SteppedStore(scratch.path, options: options)
        let id = try #require(try FormatFile(io: PosixIO(), directory: LogDirectory(root: scratch.path)).read()).store
        try scrub(first).load(nil, store: id, now: 1)
        for number in 0..<2000 {
            _ = try first.log.commit { $0.put(table, key: key(number), value: Bytes(repeating: 7, count: 500)) }
        }
        checkpoint(first)
        _ = try scrub(first).read({ first.log.snapshot.row }, now: 1)
        let place = try #require(try scrub(first).progress.sums?.upTo)
        if !clean { try scrub(first).save() }
        _ = try first.log.commit { $0.put(table, key: key(1), value: [1]) }
        if clean {
            try first.close()
        } else {
            // Killed behind a checkpoint that no note was made of.
            checkpoint(first)
            first.log.snapshot.close()
            first.log.writer.withLock { $0.log.closeFile() }
        }
        let second = try SteppedStore(scratch.path, options: options)
        try scrub(second).load(second.log.snapshot.row, store: id, now: 5)
        #expect(try scrub(second).progress.sums?.upTo == (clean ? place : nil))
        guard case .finished = try pass(second) else { return #expect(Bool(false), "not finished") }
        try second.close()
    }

    @Test func progressReadsBackAndDamageIsNoticed() throws {
        let store = StoreID(high: 1, low: 2)
        var progress = ScrubProgress(scrubbedGeneration: 4, since: 5)
        #expect(ScrubProgress.read(progress.encoded(store), store: store) == progress)
        progress.sums = ScrubSums(upTo: [0, 1, 255], digest: SnapshotDigest(rawValue: 9), counts: [1: 3, 7: .max])
        progress.setImage(CheckpointRowTests.sample())
        let bytes = progress.encoded(store)
        #expect(ScrubProgress.read(bytes, store: store) == progress)
        #expect(ScrubProgress.read(bytes, store: StoreID(high: 1, low: 3)) == nil)
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 1
            #expect(ScrubProgress.read(damaged, store: store) == nil)
        }
    }

    @Test func aStoreIsReadOnceAnInterval() {
        let schedule = ScrubSchedule(intervalNanoseconds: 1000)
        var progress = ScrubProgress(scrubbedGeneration: 3, since: 5000)
        func next(_ generation: UInt64, now: UInt64, isBusy: Bool = false) -> ScrubSchedule.Action {
            schedule.next(progress, generation: generation, isBusy: isBusy, now: now)
        }
        #expect(next(4, now: 5400) == .sleep(nanoseconds: 600))
        #expect(next(4, now: 6000) == .read(pause: 0))
        // Unchanged: never again. A clock that was put back: an interval at most.
        #expect(next(3, now: 9000) == .sleep(nanoseconds: 1000))
        #expect(next(3, now: 9000, isBusy: true) == .sleep(nanoseconds: 1000))
        #expect(next(4, now: 10) == .sleep(nanoseconds: 1000))
        progress.sums = ScrubSums()
        #expect(next(4, now: 5400) == .read(pause: 0))
        // Under load it waits, but not for ever.
        #expect(next(4, now: 6999, isBusy: true) == .pause)
        #expect(next(4, now: 7000, isBusy: true) == .read(pause: ScrubSchedule.pauseNanoseconds))
        let never = ScrubSchedule(intervalNanoseconds: 0)
        #expect(never.next(progress, generation: 4, isBusy: false, now: 9000) == .sleep(nanoseconds: nil))
        #expect(ScrubSchedule.nanoseconds(for: 8 << 20) == 1_000_000_000)
    }

    @Test func loadPausesAPass() {
        var load = ScrubLoad()
        func isBusy(lsn: UInt64, reads: UInt64 = 0, pending: Int = 0, second: UInt64) -> Bool {
            load.isBusy(.init(lastLSN: lsn, reads: reads, pending: pending), now: second * 1_000_000_000)
        }
        #expect(isBusy(lsn: 10, second: 0))
        #expect(!isBusy(lsn: 20, second: 1))
        #expect(isBusy(lsn: 20, pending: 1, second: 2))
        #expect(isBusy(lsn: 400, second: 3))
        #expect(!isBusy(lsn: 450, second: 4))
        #expect(isBusy(lsn: 450, reads: 5000, second: 5))
        #expect(!isBusy(lsn: 450, reads: 5900, second: 6))
    }
}
