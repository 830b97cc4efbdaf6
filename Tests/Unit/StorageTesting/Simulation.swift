import Glibc

@testable import Storage

/// One seeded life of a store over several sessions, with faults (storage.md §6, L2). Single-threaded, deterministic.
struct Simulation {
    /// What the whole suite has explored.
    struct Tally: Sendable {
        var runs = 0
        var sessions = 0
        var transactions = 0
        var crashes = 0
        var refused = 0
        var harmless = 0
        var slowSyncs = 0
        var lowSpace = 0
        var checkpoints = 0
        var failedOpenings = 0
        var keyChanges = 0
        var fullOpenings = 0
        var readOnlyOpenings = 0
        var stale = 0
        var lostPages = 0

        mutating func add(_ other: Tally) {
            runs += other.runs
            sessions += other.sessions
            transactions += other.transactions
            crashes += other.crashes
            refused += other.refused
            harmless += other.harmless
            slowSyncs += other.slowSyncs
            lowSpace += other.lowSpace
            checkpoints += other.checkpoints
            failedOpenings += other.failedOpenings
            keyChanges += other.keyChanges
            fullOpenings += other.fullOpenings
            readOnlyOpenings += other.readOnlyOpenings
            stale += other.stale
            lostPages += other.lostPages
        }
    }

    /// What is wrong: the run ends.
    struct Finding: Error, CustomStringConvertible {
        var description: String
        init(_ description: String) { self.description = description }
    }

    static let key = try? EncryptionKey(bytes: Bytes(repeating: 0x4B, count: EncryptionKey.bytes))

    private(set) var tally = Tally()
    private var generator: SeededGenerator
    private var model = SimulationModel()
    private var disk = SimulatedDisk()
    private let clock = SimulatedClock()
    private var options: StorageOptions
    /// Of its own, so that keys change nothing else of a life.
    private var keyGenerator: SeededGenerator
    /// Highest positions that were acknowledged, and that a released read rested on.
    private let acknowledged = Counter()
    private let shown = Counter()
    private let slowWarnings = Counter()
    private var hasFaults = false

    init(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var options = SimulatedStore.options(direct: Bool.random(using: &generator), clock: clock)
        if Bool.random(using: &generator) { options.maximumSegmentBytes = options.initialSegmentBytes }
        if Bool.random(using: &generator) { options.encryption = EncryptionKeys(current: Self.key) }
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: options.retainLogBytes = UInt64(3 * options.initialSegmentBytes)
        case 1: options.scrubsRetiredLog = true
        default: break
        }
        let random = SeededSource(seed: seed)
        options.random = { random.next() }
        let slowWarnings = slowWarnings
        options.onWarning = { if $0.hasPrefix("a sync of the log") { slowWarnings.add() } }
        self.options = options
        self.generator = generator
        keyGenerator = SeededGenerator(seed: seed ^ 0x6B65_7973)
        if Bool.random(using: &self.generator) { disk.loseNamesIndependently() }
        disk.rememberPages()
    }

    /// Throws a `Finding`.
    mutating func run() throws {
        tally.runs = 1
        for _ in 0..<Int.random(in: 3...5, using: &generator) { try session() }
        disk.limit(to: nil)
        _ = try open()
    }

    private mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &generator) == 0 }

    // MARK: Sessions

    private mutating func session() throws {
        changeKeys()
        try openUnderFaults()
        let store = try open()
        tally.sessions += 1
        slowWarningsAtStart = slowWarnings.value
        planFaults(store)
        for _ in 0..<Int.random(in: 4...24, using: &generator) { try step(store) }
        try check(store)
        try end(store)
    }

    private var slowWarningsAtStart = 0

    /// Between two sessions the operator may begin to encrypt, change the key, or switch encryption off for good.
    private mutating func changeKeys() {
        let keys = options.encryption
        let isOff = keys.current == nil && !keys.previous.isEmpty
        guard !isOff, Int.random(in: 0..<4, using: &keyGenerator) == 0 else { return }
        tally.keyChanges += 1
        let known = [keys.current].compactMap { $0 } + keys.previous
        guard known.isEmpty || Int.random(in: 0..<4, using: &keyGenerator) > 0 else {
            options.encryption = EncryptionKeys(current: nil, previous: known)
            return
        }
        if known.isEmpty { options.encryptsExistingStore = true }
        let next = try? EncryptionKey(bytes: Bytes(repeating: 0x4C + UInt8(known.count), count: EncryptionKey.bytes))
        options.encryption = EncryptionKeys(current: next, previous: known)
    }

    /// Opens without faults, perhaps on a full disk: everything that was promised must be there.
    private mutating func open() throws -> SimulatedStore {
        let store: SimulatedStore
        do {
            store = try openWithoutRoom() ?? SimulatedStore(disk, options: options)
        } catch let error as Finding {
            throw error
        } catch {
            throw Finding("refused to open a sound store: \(error)")
        }
        try checkRecovered(store)
        return store
    }

    /// nil: the disk has room, or there is no store yet, which needs room to be made; then it has room now.
    private mutating func openWithoutRoom() throws -> SimulatedStore? {
        guard isFull else { return nil }
        let isThere = disk.contents("\(SimulatedStore.root)/FORMAT") != nil
        do throws(StorageError) {
            let store = try SimulatedStore(disk, options: options)
            tally.fullOpenings += 1
            if store.log.metrics.segments == 0 { tally.readOnlyOpenings += 1 }
            return store
        } catch {
            guard !isThere, error.code == .lowSpace || error.systemCall?.isLackOfSpace == true else {
                throw Finding("a full store did not open: \(error)")
            }
            fill(nil)
            return nil
        }
    }

    private var isFull = false

    /// Others take all room but a few blocks; nil: they give it back.
    private mutating func fill(_ blocks: Int?) {
        isFull = blocks != nil
        disk.limit(to: blocks.map { disk.usedBytes + $0 * LogLimits.blockBytes })
    }

    private mutating func checkRecovered(_ store: SimulatedStore) throws {
        let lsn = store.log.recovery.recoveredLSN.rawValue
        if lsn < acknowledged.value { throw Finding("acknowledged up to \(acknowledged.value), recovered \(lsn) (I1)") }
        if lsn < shown.value { throw Finding("shown up to \(shown.value), recovered \(lsn) (I4)") }
        guard let rows = model.recover(lsn) else { throw Finding("no transaction ends at LSN \(lsn) (I3)") }
        guard store.content.sorted() == rows else { throw Finding("LSN \(lsn) recovered with other rows (I2)") }
        // What was recovered is shown from now on (lesson 6).
        shown.raise(to: Int(lsn))
        let strangers = SimulatedFiles.strangers(disk, isOpen: true)
        if !strangers.isEmpty { throw Finding("left over: \(strangers)") }
    }

    /// A crash, or a failing call, while the store is being opened; what it leaves must be recoverable all the same.
    private mutating func openUnderFaults() throws {
        guard chance(3) else { return }
        tally.failedOpenings += 1
        if chance(4), !isFull {
            let isThere = disk.contents("\(SimulatedStore.root)/FORMAT") != nil
            disk.fail("pread", EIO)
            do {
                _ = try SimulatedStore(disk, options: options)
                if isThere { throw Finding("a read error was taken for the end of the log") }
            } catch let error as StorageError {
                guard error.row == .r16 else { throw Finding("a read error was taken for \(error)") }
            }
            disk.healAll()
        } else if chance(2) {
            disk.fail(
                Faults.calls.randomElement(using: &generator) ?? "",
                EIO,
                after: Int.random(in: 0..<8, using: &generator)
            )
            _ = try? SimulatedStore(disk, options: options)
            disk.healAll()
        }
        disk.crash(atCall: disk.calls + Int.random(in: 0..<24, using: &generator))
        _ = try? SimulatedStore(disk, options: options)
        disk = disk.afterCrash(.random(seed: generator.next()))
        tally.crashes += 1
    }

    private mutating func planFaults(_ store: SimulatedStore) {
        hasFaults = false
        disk.writeShort(chance(4))
        if chance(3) { disk.fail("pwrite", EINTR, after: Int.random(in: 0..<20, using: &generator)) }
        if chance(3) {
            let call = options.useDirectIO == .off ? "fdatasync" : "pwrite"
            disk.delay(call, clock, after: Int.random(in: 0..<12, using: &generator))
        }
        guard chance(3) else { return }
        hasFaults = true
        switch Int.random(in: 0..<4, using: &generator) {
        case 0:
            let failures: [SnapshotFailure] = [
                .lowSpace(StorageError(.lowSpace, "no room")), .mapFull,
                .final(StorageError(.durabilityLost, "the device failed")),
            ]
            let count = Int.random(in: 1...3, using: &generator)
            (store.log.snapshot as? SimulatedSnapshot)?.failures =
                (0..<count).map { _ in failures[[0, 0, 1, 1, 1, 2].randomElement(using: &generator) ?? 0] }
        default:
            disk.fail(
                Faults.calls.randomElement(using: &generator) ?? "",
                [EIO, EIO, ENOSPC].randomElement(using: &generator) ?? EIO,
                after: Int.random(in: 0..<30, using: &generator)
            )
        }
    }

    private enum Faults {
        static let calls = ["pwrite", "fdatasync", "fsync", "rename", "open", "unlink", "ftruncate", "commit"]
    }

    // MARK: Steps

    private mutating func step(_ store: SimulatedStore) throws {
        switch Int.random(in: 0..<20, using: &generator) {
        case 0..<10: commit(store)
        case 10..<14: _ = store.log.writeStep()
        case 14: _ = store.log.sealStep()
        case 15: store.log.beginCheckpoint()
        case 16: try writeCheckpoint(store)
        case 17: if let bytes = store.log.spareBytesWanted() { _ = store.log.prepareSpare(bytes: bytes) }
        case 18: changeCapacity()
        default: read(store)
        }
        if store.log.metrics.isLowSpace { tally.lowSpace += 1 }
    }

    private mutating func commit(_ store: SimulatedStore) {
        guard let pending = model.commit(store, &generator) else { return }
        tally.transactions += 1
        let lsn = Int(pending.lsn.rawValue)
        let acknowledged = acknowledged
        pending.whenDurable { if case .success = $0 { acknowledged.raise(to: lsn) } }
    }

    /// I4: what a released read rested on must never go away.
    private func read(_ store: SimulatedStore) {
        let pending = store.log.read { view in view.get(SimulatedStore.rows, key: Bytes("k1".utf8)) }
        let lsn = Int(pending.lsn.rawValue)
        let shown = shown
        pending.whenDurable { if case .success = $0 { shown.raise(to: lsn) } }
    }

    private mutating func writeCheckpoint(_ store: SimulatedStore) throws {
        guard store.isCheckpointDurable, case .written = store.log.writeCheckpoint() else { return }
        tally.checkpoints += 1
        if store.log.core.withLock({ $0.live.isEmpty }), store.log.metrics.overlayBytes != 0 {
            throw Finding("\(store.log.metrics.overlayBytes) bytes of changes after a checkpoint that took all of them")
        }
    }

    private mutating func changeCapacity() {
        fill(chance(2) ? nil : Int.random(in: 0..<8, using: &generator))
    }

    // MARK: The end of a session

    private mutating func check(_ store: SimulatedStore) throws {
        let metrics = store.log.metrics
        let warnings = slowWarnings.value - slowWarningsAtStart
        tally.slowSyncs += Int(metrics.slowSyncs)
        if metrics.slowSyncs != UInt64(warnings) {
            throw Finding("\(metrics.slowSyncs) slow syncs, \(warnings) warnings")
        }
        let snapshot = store.log.snapshot as? SimulatedSnapshot
        if let violation = snapshot?.violations.first { throw Finding(violation) }
        if let problem = snapshot?.auditProblem { throw Finding("the snapshot is unsound: \(problem)") }
        if !hasFaults, metrics.segmentsOnDisk != disk.segments.count {
            throw Finding("\(metrics.segmentsOnDisk) segments known, \(disk.segments.count) on disk")
        }
    }

    private mutating func end(_ store: SimulatedStore) throws {
        switch Int.random(in: 0..<8, using: &generator) {
        case 0..<2: try close(store)
        case 2: tamper(store) ? try checkTampered() : ()
        case 3: disk = disk.afterKill()
        case 4: crashWhileClosing(store)
        default: disk = disk.afterCrash(.random(seed: generator.next()))
        }
        fill(chance(3) ? Int.random(in: 0..<8, using: &generator) : nil)
        disk.healAll()
        tally.crashes += 1
    }

    private mutating func close(_ store: SimulatedStore) throws {
        if chance(2) { fill(nil) }
        let isClosed = (try? store.close()) != nil
        try check(store)
        disk = disk.copy()
        guard isClosed, !hasFaults else { return }
        let strangers = SimulatedFiles.strangers(disk, isOpen: false)
        if !strangers.isEmpty { throw Finding("left over after closing: \(strangers)") }
    }

    private mutating func crashWhileClosing(_ store: SimulatedStore) {
        disk.crash(atCall: disk.calls + Int.random(in: 0..<16, using: &generator))
        try? store.close()
        disk = disk.afterCrash(.random(seed: generator.next()))
    }

    private var tampered: (disk: SimulatedDisk, lsn: UInt64, what: Tampering)?

    /// Kills the owner and damages a copy of what it left. False: nothing to damage, or nothing proves the last batch.
    private mutating func tamper(_ store: SimulatedStore) -> Bool {
        fill(nil)
        disk.healAll()
        _ = store.log.writeStep()
        _ = store.log.sealStep()
        // Opened without room for a segment: none fixes the end that was found.
        let isProven = store.log.writer.withLock { !$0.hasStopped && $0.log.isSealed && $0.log.segment != nil }
        disk = disk.copy()
        guard isProven else { return false }
        let what = Tampering.allCases.randomElement(using: &generator) ?? .rot
        let copy = disk.copy()
        guard what.apply(to: copy, &generator) else { return false }
        tampered = (copy, store.log.gate.durableLSN.rawValue, what)
        return true
    }

    /// I7: refused with a row that says why, or it was provably harmless.
    private mutating func checkTampered() throws {
        guard let (copy, lsn, what) = tampered else { return }
        if [.lostPage, .lostCommit].contains(what) { tally.lostPages += 1 }
        do {
            let store = try SimulatedStore(copy, options: options)
            guard store.log.recovery.recoveredLSN.rawValue == lsn else {
                throw Finding(
                    "\(what): \(store.log.recovery.row) \(store.log.recovery.condition) \(lsn) silently became \(store.log.recovery.recoveredLSN) (I7)"
                )
            }
            if what == .staleRow { return try checkScrubbed(store) }
            tally.harmless += 1
            guard let rows = model.recover(lsn), store.content.sorted() == rows else {
                throw Finding("\(what): other rows at LSN \(lsn) (I7)")
            }
        } catch let error as StorageError {
            tally.refused += 1
            guard let row = error.row, what.refusals.contains(row) else { throw Finding("\(what): \(error)") }
        }
    }

    /// A row of an earlier checkpoint is sound by itself; digest and counts say that it doesn't belong there.
    private mutating func checkScrubbed(_ store: SimulatedStore) throws {
        tally.stale += 1
        guard (store.log.snapshot as? SimulatedSnapshot)?.auditProblem != nil else {
            throw Finding("a scrub does not see a stale row")
        }
    }
}

/// Which files a store may leave.
enum SimulatedFiles {
    static func strangers(_ disk: SimulatedDisk, isOpen: Bool) -> [String] {
        let directory = LogDirectory(root: SimulatedStore.root)
        return disk.paths.filter { path in
            if path == directory.format || path == directory.snapshotData || path == directory.head { return false }
            if isOpen, path.hasPrefix(directory.wal + "/spare-") { return false }
            let name = String(path[path.index(after: path.lastIndex(of: "/")!)...])
            switch SimulatedDisk.parent(path) {
            // On a full disk, where no folder can be made, what is set aside stays there.
            case directory.wal:
                return LogDirectory.segmentNumber(ofName: name) == nil && !name.hasSuffix(".wal.unused")
            case directory.quarantine: return ![".tail", ".unused"].contains { name.hasSuffix($0) }
            default: return true
            }
        }
    }
}
